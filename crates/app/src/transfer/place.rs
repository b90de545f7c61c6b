//! What the settings of an export or import name: files and URLs, read and not yet used.

use std::path::Path;
use std::time::Duration;

use hiscore_config::Place;
use hiscore_store::mongo::{MongoOptions, MongoStore};

use super::TransferError;

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

fn read(path: &Path) -> Result<String, TransferError> {
    std::fs::read_to_string(path)
        .map_err(|error| TransferError::Input(format!("{}: {error}", path.display())))
}
