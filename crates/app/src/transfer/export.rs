//! Out of a data folder or a MongoDB, in the same order: boards by name, records by board, season and player.

use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use futures_util::future::try_join_all;
use hiscore_config::{ExportSettings, Place};
use hiscore_score::{RecordKey, Season};
use hiscore_store::contract::{DeploymentInfo, ShardState};
use hiscore_store::embedded::{Deployment, Embedded, Kept, Sizes, State};
use hiscore_store::{OpenError, Options, Store};

use super::convert::rfc3339;
use super::folder::{self, Kind};
use super::lines::{FORMAT, Header};
use super::progress::Progress;
use super::writer::Writer;
use super::{TransferError, database, place};
use crate::clock::unix_ms;
use crate::deployment::{new_id, secret_of};
use crate::submit::books::{Books, Limits, Shown};

/// Records of one question to the database.
const CHUNK: usize = 2_000;
/// Of the table's pages, in bytes.
const CACHE: usize = 64 << 20;
/// An export appends nothing to the journal, so small ones will do; as much of it as there is is read.
const JOURNAL: Sizes = Sizes { segment: 64 << 10, limit: u64::MAX };

/// Does what the settings say, on `out`. Progress goes to standard error.
pub async fn export(settings: &ExportSettings, out: impl Write) -> Result<(), TransferError> {
    let out = BufWriter::with_capacity(1 << 20, out);
    match &settings.from {
        Place::Folder(path) | Place::Kept(path) => match folder::kind(path)? {
            Kind::Journaled => from_folder(path, out),
            Kind::Kept => {
                let name = path.display().to_string();
                let store = Kept::open_folder(path, CACHE)
                    .map_err(|error| TransferError::Folder { folder: name.clone(), error })?;
                from_store(&store, &name, out).await
            }
        },
        database => {
            let (store, name) = place::database(database)?;
            from_store(&store, &name, out).await
        }
    }
}

/// Whoever read it has gone, or the disk is full.
fn gone(error: io::Error) -> TransferError {
    TransferError::Input(format!("the export cannot be written: {error}"))
}

fn header(shards: u16, window: usize) -> Result<Header, TransferError> {
    Ok(Header {
        format: FORMAT,
        id: new_id().map_err(|error| TransferError::Input(error.to_string()))?,
        shards,
        window,
        exported_at: rfc3339(unix_ms()),
        hiscore: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

fn from_folder(path: &Path, out: impl Write) -> Result<(), TransferError> {
    let name = path.display().to_string();
    let failed = |error: OpenError| TransferError::Folder { folder: name.clone(), error };
    let unread = |error| TransferError::Table { folder: name.clone(), error };
    let mut progress = Progress::new("exported");
    let store = Arc::new(open(path).map_err(failed)?);
    recover(&store).map_err(failed)?;
    let Deployment { shards, window, .. } = *store.deployment();
    let mut writer = Writer::new(out, header(shards, window)?).map_err(gone)?;
    let mut boards = store.boards().map_err(unread)?;
    boards.sort_unstable_by(|a, b| a.id.cmp(&b.id));
    for board in &boards {
        writer.board(&board.id, &board.leaderboard).map_err(gone)?;
    }
    for board in boards {
        for version in 1..=board.leaderboard.version {
            let season = Season { leaderboard: board.id.clone(), version };
            let mut written = Ok(());
            let scanned = store.scan(board.number, version, |player, record| {
                if written.is_ok() {
                    written = writer.record(&RecordKey { season: season.clone(), player }, &record);
                    progress.at(writer.counts());
                }
            });
            scanned.map_err(unread)?;
            written.map_err(gone)?;
        }
    }
    progress.end(writer.end().map_err(gone)?);
    Ok(())
}

/// Opens a folder with what it was made for, which it says itself.
fn open(path: &Path) -> Result<Embedded, OpenError> {
    let defaults = hiscore_config::ServeSettings::default();
    let mut deployment = Deployment { shards: defaults.shards, window: defaults.window, secret: [0; 32] };
    loop {
        match Embedded::open_folder(path, Options { journal: JOURNAL, cache: CACHE, deployment }) {
            Err(OpenError::Mismatch { setting: "shards", there, .. })
                if usize::from(deployment.shards) != there =>
            {
                deployment.shards = u16::try_from(there).unwrap_or(u16::MAX);
            }
            Err(OpenError::Mismatch { setting: "window", there, .. }) if deployment.window != there => {
                deployment.window = there;
            }
            opened => return opened,
        }
    }
}

/// Replays what the journal has beyond the table, and puts it into the table, as a start and an end of a server would.
fn recover(store: &Arc<Embedded>) -> Result<(), OpenError> {
    let limits = Limits { leaderboards: usize::MAX, auto_create: false, window: store.deployment().window };
    let mut books = Books::open(Arc::clone(store), Arc::default(), limits)?;
    store.recover(|sequence, entry| {
        let shown = books.replay(sequence, &entry)?;
        let mut publish = store.publish();
        match shown {
            Shown::Board(row) => publish.board(row),
            Shown::Row(key, record) => publish.row(key, State::Whole(record)),
        }
        publish.up_to(sequence, entry.stamp);
        Ok(())
    })?;
    store.flush()?;
    Ok(())
}

/// What a store has. Read from one that changes meanwhile it would be of no moment, so that is refused at the end, before
/// the trailer.
pub(super) async fn from_store(store: &impl Store, name: &str, out: impl Write) -> Result<(), TransferError> {
    let unfinished = |state: &ShardState| state.epoch == database::UNFINISHED;
    if unfinished(&store.shard(0).await?) {
        return Err(TransferError::Unfinished(name.to_owned()));
    }
    let boards = store.boards(None).await?;
    // Asking for its deployment would make one.
    if boards.is_empty() && store.scan(None, 1).await?.is_empty() {
        return Err(TransferError::Nothing(name.to_owned()));
    }
    let id = new_id().map_err(|error| TransferError::Input(error.to_string()))?;
    let defaults = hiscore_config::ServeSettings::default();
    let secret = secret_of(&id);
    let wanted = DeploymentInfo { id, shards: defaults.shards, window: defaults.window, secret };
    let DeploymentInfo { shards, window, .. } = store.deployment(&wanted).await?;
    let before = states(store, shards).await?;
    if before.iter().any(unfinished) {
        return Err(TransferError::Unfinished(name.to_owned()));
    }
    let mut progress = Progress::new("exported");
    let mut writer = Writer::new(out, header(shards, window)?).map_err(gone)?;
    for board in &boards {
        writer.board(&board.id, &board.leaderboard).map_err(gone)?;
    }
    let mut after = None;
    loop {
        let rows = store.scan(after.as_ref(), CHUNK).await?;
        for (key, record) in &rows {
            writer.record(key, record).map_err(gone)?;
        }
        progress.at(writer.counts());
        match rows.into_iter().next_back() {
            Some((key, _)) => after = Some(key),
            None => break,
        }
    }
    if states(store, shards).await? != before || store.boards(None).await? != boards {
        return Err(TransferError::Changing);
    }
    progress.end(writer.end().map_err(gone)?);
    Ok(())
}

async fn states(store: &impl Store, shards: u16) -> Result<Vec<ShardState>, TransferError> {
    Ok(try_join_all((0..shards).map(|shard| store.shard(shard))).await?)
}
