//! The machines of a schedule, and their time.
//!
//! Every host has a runtime of its own, with a clock that stands until it is moved on. So a host can die (all its tasks are
//! dropped wherever they wait), or stand still while time goes on for the others. All of them share one thread: in each tick
//! every host has its turn, in an order that the seed draws anew.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;

use crate::chance::Chance;
use crate::journal::Journal;

/// Hosts by name.
pub(crate) struct World {
    hosts: Vec<Host>,
    chance: Chance,
    journal: Journal,
}

struct Host {
    name: String,
    runtime: Runtime,
    /// What its clock said at the beginning, and what time that was.
    began: (Instant, u64),
    /// It stands still until then.
    paused_until: Option<u64>,
}

impl Host {
    fn behind(&self, now: u64) -> (Instant, Duration) {
        let target = self.began.0 + Duration::from_millis(now - self.began.1);
        let here = self.runtime.block_on(async { Instant::now() });
        (target, target.saturating_duration_since(here))
    }
}

impl World {
    pub(crate) fn new(chance: Chance, journal: Journal) -> Self {
        Self { hosts: Vec::new(), chance, journal }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.journal.now_ms()
    }

    /// A new host, on which nothing runs yet, and its clock's beginning.
    pub(crate) fn host(&mut self, name: &str) -> io::Result<(Handle, Instant)> {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let handle = runtime.handle().clone();
        let began = runtime.block_on(async { Instant::now() });
        let host = Host { name: name.to_owned(), runtime, began: (began, self.now_ms()), paused_until: None };
        self.hosts.push(host);
        Ok((handle, began))
    }

    /// A host is gone, with everything on it.
    pub(crate) fn kill(&mut self, name: &str) -> bool {
        let Some(at) = self.hosts.iter().position(|host| host.name == name) else { return false };
        self.journal.tell(format_args!("! {name} is killed"));
        // Tasks are dropped here, wherever they wait.
        drop(self.hosts.remove(at));
        true
    }

    /// A host stands still for a while.
    pub(crate) fn pause(&mut self, name: &str, ms: u64) {
        let now = self.now_ms();
        if let Some(host) = self.hosts.iter_mut().find(|host| host.name == name) {
            self.journal.tell(format_args!("! {name} stands still for {ms} ms"));
            host.paused_until = Some(now + ms);
        }
    }

    /// Time goes on by so many milliseconds, for everybody who does not stand still.
    pub(crate) fn tick(&mut self, ms: u64) {
        let now = self.now_ms() + ms;
        self.journal.set_now_ms(now);
        // Drawn anew each time (Fisher–Yates).
        let mut order: Vec<usize> = (0..self.hosts.len()).collect();
        for last in (1..order.len()).rev() {
            let other = self.chance.below(last as u64 + 1);
            order.swap(last, usize::try_from(other).unwrap_or(0));
        }
        for at in order {
            let host = &mut self.hosts[at];
            if host.paused_until.is_some_and(|until| until > now) {
                continue;
            }
            let was_paused = host.paused_until.take().is_some();
            let (target, behind) = host.behind(now);
            if was_paused {
                self.journal.tell(format_args!("! {} goes on", host.name));
                // All its timers are late now, not one after the other.
                host.runtime.block_on(tokio::time::advance(behind));
            }
            host.runtime.block_on(async { tokio::time::sleep_until(target).await });
        }
    }
}
