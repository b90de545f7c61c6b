//! Readiness where Redis ranks. A store that is away is no reason to turn players away: Redis keeps what they send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hiscore_api::service::{Check, Health};
use hiscore_config::Roles;
use hiscore_rank::redis::RedisRanks;
use parking_lot::Mutex;

use crate::apply::{ApplyTools, State};
use crate::coalesce::persister::Tools;
use crate::log_link::LogLink;
use crate::share::Overview;

/// From this part on of what may wait to be stored it is warned.
const ALARM: f64 = 0.5;

/// What is looked at.
pub struct RemoteChecks {
    /// What this process does.
    pub roles: Roles,
    /// The ranking tier.
    pub ranks: Arc<RedisRanks>,
    /// What is waited for before anything is answered.
    pub waiting_for: Arc<Mutex<Option<String>>>,
    /// The persister's tools, once it runs; never in a process that persists nothing.
    pub tools: std::sync::OnceLock<Arc<Tools>>,
    /// The log, if there is one.
    pub link: Option<Arc<LogLink>>,
    /// Who applies it, in a process that does.
    pub applier: Option<Arc<ApplyTools>>,
    /// What it sees.
    pub overview: Arc<Mutex<Overview>>,
    /// Set when the process is told to stop.
    pub stopping: AtomicBool,
}

impl Health for RemoteChecks {
    fn checks(&self) -> Vec<Check> {
        let waiting = self.waiting_for.lock().clone();
        let status = self.ranks.status();
        let stopping = self.stopping.load(Ordering::Relaxed);
        let connected = status.primaries > 0 && status.connected == status.primaries;
        let redis = match (&status.last_error, connected) {
            (_, true) => format!("{} of {} primaries answer", status.connected, status.primaries),
            (Some(why), false) => {
                format!("{} of {} primaries answer: {why}", status.connected, status.primaries)
            }
            (None, false) => "connecting".to_owned(),
        };
        let mut checks = vec![
            Check { name: "role", ok: true, detail: self.roles.to_string() },
            Check {
                name: "deployment",
                ok: waiting.is_none(),
                detail: waiting.map_or_else(|| "known".to_owned(), |why| format!("waiting: {why}")),
            },
            // Who only reads goes on from the store, and says STALE. Of a Cluster one primary is enough: to be taken out of
            // service for the sake of the others' boards would take all boards away.
            Check {
                name: "redis",
                ok: status.connected > 0 || !(self.roles.ingest || self.roles.persist),
                detail: redis,
            },
            Check {
                name: "accepting",
                ok: !stopping,
                detail: if stopping { "shutting down" } else { "yes" }.into(),
            },
        ];
        checks.extend(self.log());
        if let Some(tools) = self.tools.get() {
            let overview = self.overview.lock();
            let open = overview.looks.values().filter(|look| look.open).count();
            let shards = usize::from(tools.options.deployment.shards);
            checks.push(Check {
                name: "shards",
                ok: open == shards,
                detail: format!("{open} of {shards} are served, {} are persisted here", overview.ours),
            });
            if overview.looks.values().any(|look| look.evicts) {
                checks.push(Check {
                    name: "redis settings",
                    // It serves well until it is full.
                    ok: true,
                    detail:
                        "WARNING: maxmemory-policy is not noeviction: a full Redis would throw away scores"
                            .into(),
                });
            }
            let dirty: u64 = overview.looks.values().map(|look| look.dirty + look.in_flight).sum();
            checks.push(Check {
                name: "store",
                ok: true,
                detail: match tools.pace.failing() {
                    None => format!("{dirty} records dirty"),
                    Some(why) => format!("{dirty} records dirty, the store fails: {why}"),
                },
            });
        }
        checks
    }
}

/// How near the log is to losing what is not in the store yet.
fn retention(states: &BTreeMap<u16, State>) -> Check {
    let gone = states.iter().find(|(_, state)| state.span.gone > 0);
    let worst = states.iter().max_by(|(_, a), (_, b)| a.ratio().total_cmp(&b.ratio()));
    let detail = match (gone, worst) {
        (Some((shard, State { span, .. })), _) => format!(
            "shard {shard}: the log was cut before {} entries were in the store; what they did is in Redis alone until the \
             store has it",
            span.gone
        ),
        (None, Some((shard, state))) if state.ratio() >= ALARM => format!(
            "warning: shard {shard} has about {} bytes that are not in the store yet, submissions are refused at {}",
            state.span.bytes,
            state.most.unwrap_or_default()
        ),
        _ => {
            let bytes: u64 = states.values().map(|state| state.span.bytes).sum();
            format!("about {bytes} bytes of the log are not in the store yet")
        }
    };
    Check { name: "log_retention", ok: gone.is_none(), detail }
}

impl RemoteChecks {
    fn log(&self) -> Vec<Check> {
        let Some(link) = &self.link else { return Vec::new() };
        let waiting = link.waiting_for();
        let mut checks = vec![Check {
            name: "log",
            ok: waiting.is_none() || !(self.roles.ingest || self.roles.apply),
            detail: waiting.map_or_else(|| "open".to_owned(), |why| format!("waiting: {why}")),
        }];
        if let Some(applier) = &self.applier {
            let states = applier.states.lock().clone();
            let lag: u64 = states.values().map(|state| state.lag).sum();
            let stopped = states.iter().find_map(|(shard, state)| Some((shard, state.stopped.as_ref()?)));
            checks.push(Check {
                name: "apply",
                // Submissions are safe in the log, and players are shown what was applied.
                ok: stopped.is_none(),
                detail: match stopped {
                    None => format!("{} shards are applied here, {lag} entries behind", states.len()),
                    Some((shard, why)) => format!("shard {shard} is not applied any further: {why}"),
                },
            });
            checks.push(Check { name: "replay", ok: true, detail: applier.replay.report().to_string() });
            checks.push(retention(&states));
        }
        checks
    }
}
