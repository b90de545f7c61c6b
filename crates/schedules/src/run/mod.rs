//! One schedule, from its seed to what came of it.

mod faults;
mod log;
mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hiscore_faults::history::{Level, Promises, check};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::chance::Chance;
use crate::journal::Journal;
use crate::log::SimBrokers;
use crate::mistake::Mistake;
use crate::plan::{OF_EACH, Plan, Profile, Role};
use crate::players::{BOARDS, Field};
use crate::process::{Pending, Setting};
use crate::redis::Servers;
use crate::redis::front::Front;
use crate::store::{Backing, Table};
use crate::world::World;
use faults::Later;
use settle::Settled;

/// How far time goes on at once while faults are under way, and while everything settles.
const TICK: u64 = 10;
const LONG_TICK: u64 = 50;
/// How long it may take until everything is as it should be.
const PATIENCE: u64 = 180_000;
/// How often the store is copied, where copies may be wanted.
const COPY: u64 = 250;

/// What came of a schedule.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What is wrong.
    pub wrong: Vec<String>,
    /// Everything that happened.
    pub journal: Vec<String>,
    /// Acknowledged requests.
    pub acked: u64,
    /// Submissions that were looked for in the end.
    pub checked: u64,
    /// Submissions whose fate nobody was told.
    pub unknown: u64,
    /// Faults.
    pub faults: u64,
    /// Virtual milliseconds.
    pub lasted_ms: u64,
}

/// Runs the schedule of a seed.
///
/// # Errors
/// When the simulation itself cannot be set up.
pub fn run(
    profile: Profile,
    seed: u64,
    mistake: Option<Mistake>,
) -> Result<Outcome, Box<dyn std::error::Error>> {
    Schedule::new(profile, seed, mistake)?.run()
}

struct Schedule {
    journal: Journal,
    chance: Chance,
    plan: Plan,
    world: World,
    setting: Setting,
    field: Field,
    /// By time, and in the order in which they were planned.
    agenda: BTreeMap<(u64, usize), Later>,
    planned: usize,
    /// How often each host was started.
    lives: BTreeMap<String, u64>,
    stops: BTreeMap<String, CancellationToken>,
    pending: BTreeMap<String, Pending>,
    copies: Vec<(u64, Table)>,
}

impl Schedule {
    fn new(
        profile: Profile,
        seed: u64,
        mistake: Option<Mistake>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let chance = Chance::new(seed);
        let journal = Journal::default();
        let plan = Plan::new(&chance.part(), profile);
        let mut world = World::new(chance.part(), journal.clone());
        let servers = Arc::new(Mutex::new(Servers::new(chance.part(), journal.clone(), mistake)?));
        let (runtime, began) = world.host("servers")?;
        let front = Front {
            servers,
            runtime: runtime.clone(),
            began,
            chance: chance.part(),
            noise: plan.redis_noise,
            is_noisy: Arc::default(),
        };
        let backing = Backing {
            table: Arc::default(),
            runtime,
            chance: chance.part(),
            journal: journal.clone(),
            noise: plan.store_noise,
            is_noisy: Arc::default(),
            is_away: Arc::default(),
            life: Arc::default(),
            mistake,
        };
        let brokers = match plan.log_noise {
            None => None,
            Some(noise) => {
                let (machine, _) = world.host("brokers")?;
                Some(SimBrokers::new(machine, chance.part(), journal.clone(), noise, mistake))
            }
        };
        let redis_url = if plan.has_sentinels {
            "redis+sentinel://sentinel-0,sentinel-1,sentinel-2/main"
        } else {
            "redis://redis"
        };
        let setting = Setting {
            journal: journal.clone(),
            front,
            backing,
            brokers,
            shards: plan.shards,
            rows: plan.rows,
            redis_url: redis_url.to_owned(),
            apply_wait: Duration::from_millis(plan.apply_wait),
        };
        let field = Field::new(journal.clone(), OF_EACH as usize, profile);
        journal.tell(format_args!("{profile:?}, seed {seed}, {plan:?}"));
        Ok(Self {
            journal,
            chance,
            plan,
            world,
            setting,
            field,
            agenda: BTreeMap::new(),
            planned: 0,
            lives: BTreeMap::new(),
            stops: BTreeMap::new(),
            pending: BTreeMap::new(),
            copies: Vec::new(),
        })
    }

    fn run(mut self) -> Result<Outcome, Box<dyn std::error::Error>> {
        for number in 0..OF_EACH {
            self.start(Role::Ingest, number)?;
            self.start(Role::Persist, number)?;
            if self.setting.brokers.is_some() {
                self.start(Role::Apply, number)?;
            }
        }
        let (players, _) = self.world.host("players")?;
        let (created, mut is_created) = oneshot::channel();
        let (field, chance) = (self.field.clone(), self.chance.part());
        players.spawn(async move {
            field.create(&chance).await;
            let _ = created.send(());
        });
        // A board that only an emptied Redis had is gone, as is a score there: so the games begin with all of them stored; but
        // what is in a log is not gone.
        let stored = if self.setting.brokers.is_some() { 0 } else { BOARDS.len() };
        let mut are_created = false;
        while !are_created || self.setting.backing.table.lock().boards.len() < stored {
            are_created |= is_created.try_recv().is_ok();
            if self.world.now_ms() > PATIENCE {
                return Ok(self.outcome(Err("the boards are never created and stored".to_owned())));
            }
            self.world.tick(LONG_TICK);
        }
        self.field.playing.store(self.plan.clients, Ordering::Relaxed);
        for client in 0..self.plan.clients {
            let play = self.field.clone().play(client, self.chance.part(), self.plan.habits);
            players.spawn(play);
        }
        self.set_noise(true);
        let began = self.world.now_ms();
        for (at, fault) in self.plan.faults.clone() {
            self.plan_at(began + at, Later::Begin(fault));
        }
        let ends = began + self.plan.ends;
        let (mut replicate, mut copy) = (began, began);
        while self.world.now_ms() < ends || !self.agenda.is_empty() {
            let now = self.world.now_ms();
            if now >= replicate {
                self.setting.front.servers.lock().replicate();
                replicate = now + self.plan.lag;
            }
            if now >= copy {
                self.copies.push((now, self.setting.backing.table.lock().clone()));
                copy = now + COPY;
            }
            while let Some(entry) = self.agenda.first_entry()
                && entry.key().0 <= now
            {
                let later = entry.remove();
                self.happens(later)?;
            }
            self.world.tick(TICK);
        }
        self.set_noise(false);
        self.journal.tell("! nothing is done any more");
        self.field.stop.store(true, Ordering::Relaxed);
        let settled = self.settle()?;
        Ok(self.outcome(settled))
    }

    fn set_noise(&self, is_noisy: bool) {
        self.setting.front.is_noisy.store(is_noisy, Ordering::Relaxed);
        self.setting.backing.is_noisy.store(is_noisy, Ordering::Relaxed);
        self.brokers(|brokers| brokers.set_noise(is_noisy));
    }

    fn plan_at(&mut self, at: u64, later: Later) {
        self.planned += 1;
        self.agenda.insert((at, self.planned), later);
    }

    fn plan_in(&mut self, ms: u64, later: Later) {
        self.plan_at(self.world.now_ms() + ms, later);
    }

    fn start(&mut self, role: Role, number: u64) -> std::io::Result<()> {
        let host = role.host(number);
        self.end(&host);
        let (runtime, _) = self.world.host(&host)?;
        let life = self.lives.entry(host.clone()).or_default();
        *life += 1;
        let holder = format!("{host}-{life}");
        self.journal.tell(format_args!("! {holder} is started"));
        let (setting, chance) = (self.setting.clone(), self.chance.part());
        match role {
            Role::Ingest => {
                let (jobs, waiting) = mpsc::channel(64);
                self.field.ingests.lock()[number as usize] = Some(jobs);
                let pending = Pending::default();
                self.pending.insert(host.clone(), Arc::clone(&pending));
                runtime.spawn(setting.ingest(host, chance, waiting, pending));
            }
            Role::Persist | Role::Apply => {
                let stop = CancellationToken::new();
                self.stops.insert(host.clone(), stop.clone());
                match role {
                    Role::Apply => runtime.spawn(setting.apply(host, holder, chance, stop)),
                    _ => runtime.spawn(setting.persist(host, holder, chance, stop)),
                };
            }
        }
        Ok(())
    }

    /// A host is gone, and whoever waits for it hears of that.
    fn end(&mut self, host: &str) {
        self.world.kill(host);
        if let Some(pending) = self.pending.remove(host) {
            pending.lock().clear();
        }
    }

    fn kill(&mut self, role: Role, number: u64) {
        self.end(&role.host(number));
        if role == Role::Ingest {
            self.field.ingests.lock()[number as usize] = None;
        }
    }

    fn outcome(self, settled: Settled) -> Outcome {
        let events = std::mem::take(&mut *self.field.events.lock());
        let is_complete = settled.is_ok();
        let mut wrong = settled.unwrap_or_else(|why| vec![why]);
        wrong.append(&mut self.setting.front.servers.lock().script_errors);
        let mut outcome = Outcome {
            faults: self.plan.faults.len() as u64,
            lasted_ms: self.world.now_ms(),
            ..Outcome::default()
        };
        if is_complete {
            // Behind a log there is one history.
            let merges = self.setting.brokers.is_none() && self.plan.safe > Level::Ranked;
            let promises = Promises {
                safe: self.plan.safe,
                window: crate::process::WINDOW,
                // Answers do not show records here, so there is nothing to be monotonic.
                monotonic: false,
                one_history: !merges,
            };
            let report = check(&promises, &events);
            wrong.extend(report.violations.iter().map(ToString::to_string));
            (outcome.acked, outcome.checked, outcome.unknown) =
                (report.acked, report.checked, report.unknown);
        }
        for line in &wrong {
            self.journal.tell(format_args!("WRONG: {line}"));
        }
        outcome.wrong = wrong;
        outcome.journal = self.journal.take();
        outcome
    }
}
