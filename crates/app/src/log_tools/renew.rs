//! `hiscore log renew`: the next generation of the log, after the one that was there was lost, or cut past what is in the store.
//!
//! What Redis and the store have stays: each shard carries what is dirty into the store, then joins the new log by itself, in an
//! era of its own. What is given up is what only the old log had: said before anything is done.

use std::io::Write;

use hiscore_config::RenewSettings;
use hiscore_log::{Bounds, Expect, LogId, open};
use hiscore_store::contract::StoredLog;

use super::ToolError;
use super::open::Tiers;

/// Says what is given up, and renews the log if that is wanted. Gives the exit code.
pub(super) async fn renew(tiers: &Tiers, settings: &RenewSettings) -> Result<u8, ToolError> {
    let mut out = std::io::stdout().lock();
    let StoredLog { generation, id } = &tiers.known;
    let old = tiers.log().await;
    match &old {
        Ok(_) => writeln!(out, "generation {generation} of the log ({id}) is there at {}", tiers.url)?,
        Err(error) => writeln!(out, "generation {generation} of the log ({id}): {error}")?,
    }
    let shards = tiers.shards(None)?;
    let ranks = tiers.ranks().await?;
    let mut given_up = 0;
    let mut workers = Vec::new();
    for (shard, look) in shards.iter().zip(ranks.look(&shards).await) {
        let look = look?;
        workers.extend(look.holder.into_iter().chain(look.applier));
        let state = tiers.store.shard(*shard).await?;
        let applied = look.log.and_then(|log| log.applied).max(state.log.and_then(|place| place.offset));
        let bounds = match &old {
            Ok(log) => log.bounds(*shard).await.ok(),
            Err(_) => None,
        };
        let (text, lost) = lost(applied, bounds);
        given_up += lost.unwrap_or(0);
        if lost != Some(0) {
            writeln!(out, "shard {shard}: {text}")?;
        }
    }
    ranks.close().await;
    match &old {
        Ok(_) if given_up == 0 => {
            writeln!(
                out,
                "Everything that can be read in it is in Redis or in the store: nothing is given up."
            )?;
        }
        Ok(_) => {
            writeln!(out, "Given up: what is in it and was not applied, {given_up} entries at most.")?;
        }
        Err(_) => {
            writeln!(
                out,
                "Given up: what was acknowledged as LOGGED and was neither in Redis nor in the store."
            )?;
        }
    }
    workers.sort_unstable();
    workers.dedup();
    if !workers.is_empty() {
        writeln!(
            out,
            "Stop every process of this deployment first, or what it still appends to the old log is lost, too: {} still work \
             (one that was killed counts until its lease runs out).",
            workers.join(", ")
        )?;
        return Ok(1);
    }
    if !settings.yes {
        writeln!(out, "Nothing was done. Stop every process of this deployment, then give --yes.")?;
        return Ok(1);
    }
    if let Ok(old) = old {
        old.close().await;
    }
    let next = generation.saturating_add(1);
    let made = begin(tiers, settings, next).await?;
    if !tiers.store.adopt_log(Some(*generation), &made).await? {
        return Err(ToolError::Raced);
    }
    writeln!(
        out,
        "Generation {next} of the log ({}) is the one from now on: start the processes again.",
        made.id
    )?;
    Ok(0)
}

/// Makes the new log, or takes the one that a call before this one made and did not live to write down.
async fn begin(tiers: &Tiers, settings: &RenewSettings, generation: u32) -> Result<StoredLog, ToolError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ToolError::Setting(error.to_string()))?;
    let mut options = tiers.options(generation, Expect::Fresh(LogId::new(bytes)));
    options.shard_bytes = settings.shard_bytes;
    let log = open(&tiers.url, &options).await?;
    let made = StoredLog { generation, id: log.identity().id.to_string() };
    log.close().await;
    Ok(made)
}

/// What of a shard is only in the old log, in words, and how many entries that is; `None`: nobody can tell.
fn lost(applied: Option<u64>, bounds: Option<Bounds>) -> (String, Option<u64>) {
    let done = applied.map_or(0, |applied| applied + 1);
    let shown = applied.map_or_else(|| "nothing".to_owned(), |applied| format!("offset {applied}"));
    match bounds {
        None => (format!("applied up to {shown}; whatever came after it in the old log is gone"), None),
        Some(Bounds { end, .. }) if end <= done => {
            (format!("applied up to {shown}, which was the end"), Some(0))
        }
        Some(Bounds { first, end }) => {
            let cut = if first > done {
                format!(" ({done} to {} are gone already)", first - 1)
            } else {
                String::new()
            };
            (format!("applied up to {shown}, the old log goes on to {end}{cut}"), Some(end - done.max(first)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_is_counted() {
        let bounds = |first, end| Some(Bounds { first, end });
        assert_eq!(lost(None, bounds(0, 0)).1, Some(0));
        assert_eq!(lost(Some(9), bounds(0, 10)).1, Some(0));
        assert_eq!(lost(Some(9), bounds(3, 12)).1, Some(2));
        assert_eq!(lost(Some(9), None).1, None);
        let (text, lost) = lost(Some(9), bounds(20, 25));
        assert_eq!(lost, Some(5));
        assert!(text.contains("10 to 19 are gone already"), "{text}");
    }
}
