//! What the settings of an export or import name: files and URLs, read and not yet used.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hiscore_config::Place;
use hiscore_store::Store;
use hiscore_store::embedded::Kept;
use hiscore_store::mongo::{MongoOptions, MongoStore};

use super::TransferError;
use super::folder::{self, Kind};

/// Of a table's pages, in bytes.
const CACHE: usize = 64 << 20;

/// The store of a deployment whose ranks are in Redis. A data folder that is not there is not made.
pub(crate) fn store(place: &Place) -> Result<Arc<dyn Store>, TransferError> {
    match place {
        Place::Folder(path) | Place::Kept(path) => match folder::kind(path)? {
            Kind::Journaled => Err(TransferError::Input(format!(
                "{}: this data folder ranks in process, with no Redis and no log",
                path.display()
            ))),
            Kind::Kept => {
                let folder = path.display().to_string();
                let kept = Kept::open_folder(path, CACHE);
                Ok(Arc::new(kept.map_err(|error| TransferError::Folder { folder, error })?))
            }
        },
        database_url => Ok(Arc::new(database(database_url)?.0)),
    }
}

/// One operation of a transfer may take longer than one that a player waits for.
const MONGODB_TIMEOUT: Duration = Duration::from_secs(60);

/// The database, not yet spoken to, and what messages call it (a URL may hold a password).
pub(super) fn database(place: &Place) -> Result<(MongoStore, String), TransferError> {
    let url = match place {
        Place::MongoUrl(url) => url.clone(),
        Place::MongoUrlFile(path) => read(path)?,
        Place::Folder(path) | Place::Kept(path) => {
            return Err(TransferError::Input(format!("{} is no database", path.display())));
        }
    };
    let options = MongoOptions { timeout: MONGODB_TIMEOUT, ..MongoOptions::default() };
    let store = MongoStore::connect(url.trim(), options)
        .map_err(|error| TransferError::Input(format!("mongodb-url: {error}")))?;
    Ok((store, "the database".to_owned()))
}

/// A file that holds a URL.
pub(crate) fn read(path: &Path) -> Result<String, TransferError> {
    std::fs::read_to_string(path)
        .map_err(|error| TransferError::Input(format!("{}: {error}", path.display())))
}
