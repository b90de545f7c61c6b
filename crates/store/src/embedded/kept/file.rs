//! The redb file: transactions one at a time, reads beside them, and opened again after a write that failed.

use std::sync::Arc;

use parking_lot::RwLock;
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};

use super::super::table::{begin, io_error, open_database};
use super::{BOARDS, META, ORDER, POSITIONS, RECORDS, SHARDS, TableError};
use crate::disk::Disk;

/// Its name.
const FILE: &str = "kept.redb";
const FILE_BEING_MADE: &str = "kept.redb.new";

#[derive(Debug)]
pub(super) struct File {
    disk: Arc<dyn Disk>,
    cache: usize,
    /// `None` between a failed write and the next successful opening.
    database: RwLock<Option<Database>>,
}

impl File {
    /// Opens the file, or makes it.
    pub(super) fn open(disk: Arc<dyn Disk>, cache: usize) -> Result<Self, TableError> {
        if !disk.list().map_err(io_error)?.iter().any(|file| file == FILE) {
            make(disk.as_ref(), cache)?;
        }
        let file = Self { disk, cache, database: RwLock::new(None) };
        file.reopen()?;
        Ok(file)
    }

    fn reopen(&self) -> Result<(), TableError> {
        let mut database = self.database.write();
        if database.is_none() {
            let opened = self.disk.open(FILE).map_err(io_error)?;
            *database = Some(open_database(opened, self.cache)?);
        }
        Ok(())
    }

    /// Does `work` in one transaction: all of it and durably, or after an error none of it.
    pub(super) fn write<T>(
        &self,
        work: impl FnOnce(&WriteTransaction) -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        self.reopen()?;
        let done = {
            let database = self.database.read();
            let database = database.as_ref().ok_or(TableError::Closed)?;
            (|| {
                let transaction = begin(database)?;
                let done = work(&transaction)?;
                transaction.commit()?;
                Ok(done)
            })()
        };
        if matches!(done, Err(TableError::Redb(_))) {
            // After a failed operation redb refuses everything, reads too, until the file is opened anew.
            *self.database.write() = None;
            if let Err(then) = self.reopen() {
                tracing::error!(%then, "the file of records cannot be opened again after a failed write");
            }
        }
        done
    }

    /// Reads as of one moment.
    pub(super) fn read<T>(
        &self,
        work: impl FnOnce(&ReadTransaction) -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        if self.database.read().is_none() {
            self.reopen()?;
        }
        let database = self.database.read();
        work(&database.as_ref().ok_or(TableError::Closed)?.begin_read()?)
    }
}

/// Makes it under another name first: a crash must not leave half of one under the name that counts.
fn make(disk: &dyn Disk, cache: usize) -> Result<(), TableError> {
    let database = open_database(disk.create(FILE_BEING_MADE, 0).map_err(io_error)?, cache)?;
    let transaction = begin(&database)?;
    transaction.open_table(RECORDS)?;
    transaction.open_table(POSITIONS)?;
    transaction.open_table(ORDER)?;
    transaction.open_table(BOARDS)?;
    transaction.open_table(SHARDS)?;
    transaction.open_table(META)?;
    transaction.commit()?;
    drop(database);
    disk.rename(FILE_BEING_MADE, FILE).map_err(io_error)
}
