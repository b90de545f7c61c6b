//! Whether this process should be sent traffic, as `/readyz` tells it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hiscore_api::service::{Check, Health};
use hiscore_store::Embedded;

use crate::coalesce::Pressure;
use crate::service::Stages;

/// What is looked at.
#[derive(Debug)]
pub struct Checks {
    /// Recovered or not.
    pub stages: Arc<Stages>,
    /// The funnel.
    pub pressure: Arc<Pressure>,
    /// What waits for it.
    pub store: Arc<Embedded>,
    /// Set when the process is told to stop.
    pub stopping: AtomicBool,
    /// Set when a thread of ours ended that must not.
    pub broken: AtomicBool,
}

impl Health for Checks {
    fn checks(&self) -> Vec<Check> {
        let recovered = self.stages.is_recovered();
        let stopping = self.stopping.load(Ordering::Relaxed);
        let broken = self.broken.load(Ordering::Relaxed);
        let backlog = self.store.backlog();
        // A table that cannot be written is no reason to turn players away: the journal takes what they send.
        let table = match self.pressure.failing() {
            None => format!(
                "{} records dirty, the oldest for {:.1} s",
                backlog.rows,
                backlog.oldest.as_secs_f64()
            ),
            Some(why) => format!("{} records dirty, the table cannot be written: {why}", backlog.rows),
        };
        vec![
            Check {
                name: "recovered",
                ok: recovered,
                detail: if recovered { "the ranks are complete" } else { "loading the data folder" }.into(),
            },
            Check {
                name: "accepting",
                ok: !stopping,
                detail: if stopping { "shutting down" } else { "yes" }.into(),
            },
            Check {
                name: "committer",
                ok: !broken,
                detail: if broken { "ended: restart this process" } else { "running" }.into(),
            },
            Check { name: "table", ok: true, detail: table },
            Check { name: "journal", ok: true, detail: format!("{} bytes", backlog.journal_bytes) },
        ]
    }
}
