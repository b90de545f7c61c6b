//! What faults do, at once and when they are over.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Schedule;
use crate::log::SimBrokers;
use crate::plan::{Fault, OF_EACH, Role};

/// Something that is to happen later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Later {
    Begin(Fault),
    StartProcess(Role, u64),
    StopRedis,
    FailOver,
    CutOff,
    StartRedis { server: usize, is_empty: bool },
    Mend,
    StoreBack,
    LogBack,
    LogFast,
}

impl Schedule {
    /// Does what was planned for now.
    pub(super) fn happens(&mut self, later: Later) -> std::io::Result<()> {
        let servers = Arc::clone(&self.setting.front.servers);
        match later {
            Later::Begin(fault) => self.begin(fault)?,
            Later::StartProcess(role, number) => self.start(role, number)?,
            Later::StopRedis => {
                let named = servers.lock().named();
                servers.lock().stop(named);
            }
            Later::FailOver => servers.lock().fail_over(),
            Later::CutOff => {
                let mut servers = servers.lock();
                servers.fail_over();
                let named = servers.named();
                // With the old primary, and with nobody else.
                for host in [Role::Ingest.host(0), Role::Persist.host(0), Role::Apply.host(0)] {
                    servers.cut(&host, named);
                }
            }
            Later::StartRedis { server, is_empty } => servers.lock().start(server, is_empty),
            Later::Mend => servers.lock().mend(),
            Later::StoreBack => {
                self.journal.tell("! the store answers again");
                self.setting.backing.is_away.store(false, Ordering::Relaxed);
            }
            Later::LogBack => self.brokers(|brokers| brokers.set_away(false)),
            Later::LogFast => self.brokers(|brokers| brokers.set_slowness(0)),
        }
        Ok(())
    }

    pub(super) fn brokers(&self, does: impl Fn(&SimBrokers)) {
        self.setting.brokers.iter().for_each(does);
    }

    fn begin(&mut self, fault: Fault) -> std::io::Result<()> {
        let servers = Arc::clone(&self.setting.front.servers);
        let named = servers.lock().named();
        match fault {
            Fault::Kill(role, number, down) => {
                self.kill(role, number);
                self.plan_in(down, Later::StartProcess(role, number));
            }
            Fault::Pause(role, number, ms) => self.world.pause(&role.host(number), ms),
            Fault::Stop(role, number, down) => {
                let host = role.host(number);
                self.journal.tell(format_args!("! {host} is told to end"));
                if let Some(stop) = self.stops.get(&host) {
                    stop.cancel();
                }
                self.plan_in(down, Later::StartProcess(role, number));
            }
            Fault::Restart(down) | Fault::Empty(down) => {
                servers.lock().stop(named);
                let is_empty = matches!(fault, Fault::Empty(_));
                self.plan_in(down, Later::StartRedis { server: named, is_empty });
            }
            Fault::FailOver { tail, noticed, back } => {
                if servers.lock().unlink() {
                    self.plan_in(tail, Later::StopRedis);
                    self.plan_in(tail + noticed, Later::FailOver);
                    self.plan_in(tail + noticed, Later::Mend);
                    let later = Later::StartRedis { server: named, is_empty: false };
                    self.plan_in(tail + noticed + back, later);
                }
            }
            Fault::CutOff { tail, lasts } => {
                if servers.lock().unlink() {
                    self.plan_in(tail, Later::CutOff);
                    self.plan_in(tail + lasts, Later::Mend);
                }
            }
            Fault::Unreachable(role, number, ms) => {
                servers.lock().cut(&role.host(number), named);
                self.plan_in(ms, Later::Mend);
            }
            Fault::StoreAway(ms) => {
                self.journal.tell("! the store does not answer");
                self.setting.backing.is_away.store(true, Ordering::Relaxed);
                self.plan_in(ms, Later::StoreBack);
            }
            Fault::LogAway(ms) => {
                self.brokers(|brokers| brokers.set_away(true));
                self.plan_in(ms, Later::LogBack);
            }
            Fault::LogSlow(by, ms) => {
                self.brokers(|brokers| brokers.set_slowness(by));
                self.plan_in(ms, Later::LogFast);
            }
            Fault::Flush => servers.lock().flush_functions(),
            Fault::Restore(ago) => {
                for number in 0..OF_EACH {
                    self.kill(Role::Persist, number);
                    self.plan_in(300, Later::StartProcess(Role::Persist, number));
                }
                let then = self.world.now_ms().saturating_sub(ago);
                let copy = self.copies.iter().rev().find(|(at, _)| *at <= then);
                if let Some((_, copy)) = copy.or(self.copies.first()) {
                    self.setting.backing.restore(copy.clone());
                }
            }
        }
        Ok(())
    }
}
