//! The way of an import: whatever is put in, it is checked piece by piece, and the target is marked until all is there.

use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal};
use std::sync::Arc;

use hiscore_config::{ImportSettings, ImportSource, Place};
use hiscore_score::Stamp;
use hiscore_score::window::DEFAULT_LENGTH;
use hiscore_store::embedded::Kept;

use super::database::DatabaseTarget;
use super::folder::FolderTarget;
use super::progress::Progress;
use super::reader::Reader;
use super::sorted_sets::SortedSets;
use super::target::{Begun, Plan, Target};
use super::{Counts, Item, TransferError, place};
use crate::clock::unix_ms;

/// What a deployment has if nobody says otherwise.
const SHARDS: u16 = 32;
/// Of a folder's pages, in bytes.
const CACHE: usize = 64 << 20;

/// Something that can be put in.
pub(super) trait Input {
    /// When the import was begun: for what has no stamps of its own.
    fn begun_at(&mut self, stamp: Stamp);

    /// The next items, all checked; `None` after the last.
    async fn next(&mut self) -> Result<Option<Vec<Item>>, TransferError>;
}

/// An export, its first piece read.
struct Export<R> {
    first: Option<Vec<Item>>,
    rest: Reader<R>,
}

impl<R: BufRead> Input for Export<R> {
    fn begun_at(&mut self, _stamp: Stamp) {}

    async fn next(&mut self) -> Result<Option<Vec<Item>>, TransferError> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => Ok(self.rest.next()?),
        }
    }
}

/// Does what the settings say. Notes and progress go to standard error.
pub async fn import(settings: &ImportSettings) -> Result<(), TransferError> {
    let mut progress = Progress::new("imported");
    match &settings.source {
        ImportSource::StandardInput => {
            let input = std::io::stdin();
            if input.is_terminal() {
                let hint = "there is nothing on standard input: name the file of an export, or pipe one in";
                return Err(TransferError::Input(hint.to_owned()));
            }
            from_export(settings, BufReader::new(input.lock()), progress).await
        }
        ImportSource::File(path) => {
            let file = File::open(path)
                .map_err(|error| TransferError::Input(format!("{}: {error}", path.display())))?;
            from_export(settings, BufReader::new(file), progress).await
        }
        ImportSource::SortedSets { url, sets } => {
            let (sets, fingerprint) = SortedSets::check(url, sets).await?;
            progress.note(&format!("checked: {}", sets.counts()));
            let plan = Plan {
                fingerprint,
                shards: settings.shards.unwrap_or(SHARDS),
                window: settings.window.unwrap_or(DEFAULT_LENGTH),
                stamp: now(),
            };
            into_place(settings, sets, plan, progress).await
        }
    }
}

async fn from_export(
    settings: &ImportSettings,
    from: impl BufRead,
    mut progress: Progress,
) -> Result<(), TransferError> {
    let (mut reader, fingerprint, header) = Reader::open(from)?;
    let window = settings.window.unwrap_or(header.window);
    if window < header.window {
        progress.note(&format!(
            "note: windows are cut from {} to {window} submission ids: a retry older than those is no longer recognised",
            header.window
        ));
    }
    reader.cut_windows(window);
    let shards = settings.shards.unwrap_or(header.shards);
    let plan = Plan { fingerprint, shards, window, stamp: now() };
    // What has not even one good piece leaves the target alone.
    let first = reader.next()?;
    into_place(settings, Export { first, rest: reader }, plan, progress).await
}

async fn into_place(
    settings: &ImportSettings,
    input: impl Input,
    plan: Plan,
    progress: Progress,
) -> Result<(), TransferError> {
    match &settings.into {
        Place::Folder(path) => put(input, FolderTarget::new(path), plan, progress).await,
        Place::Kept(path) => {
            let name = path.display().to_string();
            let store = Kept::open_folder(path, CACHE)
                .map_err(|error| TransferError::Folder { folder: name.clone(), error })?;
            put(input, DatabaseTarget::new(Arc::new(store), name), plan, progress).await
        }
        database => {
            let (store, name) = place::database(database)?;
            put(input, DatabaseTarget::new(Arc::new(store), name), plan, progress).await
        }
    }
}

async fn put(
    mut input: impl Input,
    mut target: impl Target,
    plan: Plan,
    mut progress: Progress,
) -> Result<(), TransferError> {
    let mut counts = Counts::default();
    match target.begin(&plan).await? {
        Begun::Complete => {
            // Whoever writes into a pipe is let finish.
            while input.next().await?.is_some() {}
            progress.note("this import was completed before: nothing is left to do");
            return Ok(());
        }
        Begun::Here { stamp, again } => {
            if again {
                progress.note("this import was begun before and goes on");
            }
            input.begun_at(stamp);
        }
    }
    let mut next = 1;
    while let Some(piece) = input.next().await? {
        for item in &piece {
            match item {
                Item::Board(..) => counts.leaderboards += 1,
                Item::Record(..) => counts.records += 1,
            }
        }
        let first = next;
        next += piece.len() as u64;
        target.write(first, piece).await?;
        progress.at(counts);
    }
    target.finish(next - 1).await?;
    progress.end(counts);
    Ok(())
}

fn now() -> Stamp {
    Stamp::ZERO.next(unix_ms()).unwrap_or(Stamp::LAST)
}
