//! A deployment of a test's own: Redis (with a replica and Sentinels, if wanted), MongoDB, and any processes of hiscore.

use std::path::Path;
use std::time::{Duration, Instant};

use hiscore_faults::process::command;
use hiscore_faults::servers::{self, Kafka, Mongo, RabbitMq, Redis, Sentinels};
use hiscore_faults::wait::{pause, until};
use hiscore_faults::{Client, Process};

use crate::account::Account;
use crate::load::Played;
use crate::shown::{Shown, by_mongodb, by_the_api};
use crate::wire::{self, Level};

/// For what goes on by itself on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);
/// Few, so that a test need not wait for many.
pub(crate) const SHARDS: u16 = 4;

/// Whether this machine has no servers; a test then ends, and has said so.
pub(crate) fn missing() -> bool {
    servers::missing("redis-server") || servers::missing("mongod")
}

/// How long an outage lasts: `long` when asked for, else `short`.
pub(crate) fn outage(short: u64, long: u64) -> Duration {
    let is_long = std::env::var_os("HISCORE_LONG").is_some_and(|value| value == "1");
    Duration::from_secs(if is_long { long } else { short })
}

/// The servers. Processes of hiscore are started with what they say.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) redis: Redis,
    pub(crate) replica: Option<Redis>,
    pub(crate) sentinels: Option<Sentinels>,
    pub(crate) mongo: Mongo,
    /// The log in front of Redis, if there is one.
    pub(crate) log: Option<Broker>,
}

/// A broker that keeps the log.
#[derive(Debug)]
pub(crate) enum Broker {
    Kafka(Kafka),
    RabbitMq(Box<RabbitMq>),
}

impl Broker {
    pub(crate) fn url(&self) -> String {
        match self {
            Self::Kafka(kafka) => kafka.url("scores"),
            Self::RabbitMq(rabbit) => rabbit.url(),
        }
    }
}

impl Deployment {
    /// One Redis, and MongoDB of so many members.
    pub(crate) fn start(members: usize) -> Self {
        let redis = Redis::start();
        Self { redis, replica: None, sentinels: None, mongo: Mongo::start(members), log: None }
    }

    /// The same behind a log.
    pub(crate) fn behind(self, log: Broker) -> Self {
        Self { log: Some(log), ..self }
    }

    /// A primary and a replica of Redis under three Sentinels.
    pub(crate) fn with_sentinels() -> Self {
        let redis = Redis::start();
        let replica = Redis::replica_of(&redis);
        let sentinels = Sentinels::start("scores", &redis, 3, 2);
        let mongo = Mongo::start(1);
        Self { redis, replica: Some(replica), sentinels: Some(sentinels), mongo, log: None }
    }

    /// The URL of Redis.
    pub(crate) fn redis_url(&self) -> String {
        self.sentinels.as_ref().map_or_else(|| self.redis.url(), Sentinels::url)
    }

    /// Starts a process and waits until it listens.
    pub(crate) fn listening(&self, roles: &str, more: &[&str], environment: &[(&str, &str)]) -> Process {
        let (redis, mongo) = (self.redis_url(), self.mongo.url());
        let log = self.log.as_ref().map(Broker::url);
        let mut more = more.to_vec();
        if let Some(log) = log.as_ref().filter(|_| !more.contains(&"--log-url")) {
            more.extend(["--log-url", log]);
        }
        process(&redis, &mongo, roles, &more, environment).unwrap_or_else(|said| panic!("it ended: {said}"))
    }

    /// Starts a process and waits until it is ready.
    pub(crate) fn serve(&self, roles: &str) -> Process {
        self.serve_with(roles, &[])
    }

    /// Starts a process with more settings.
    pub(crate) fn serve_with(&self, roles: &str, more: &[&str]) -> Process {
        self.listening(roles, more, &[]).ready()
    }

    /// Starts a process that dies at a place of its code when it first comes there, or the N-th time.
    pub(crate) fn doomed(&self, roles: &str, failpoint: &str) -> Process {
        self.listening(roles, &[], &[("HISCORE_FAILPOINT", failpoint)])
    }

    /// The Redis that takes writes now.
    pub(crate) fn primary(&self) -> &Redis {
        let all = [Some(&self.redis), self.replica.as_ref()];
        let Some(sentinels) = &self.sentinels else { return &self.redis };
        let address = sentinels.primary();
        all.into_iter().flatten().find(|redis| redis.address() == address).expect("one of the two")
    }

    /// Waits until everything is in the store, by what Redis has and by what `persister` says.
    pub(crate) fn settle(&self, persister: &Process) {
        let redis = self.primary();
        settle(persister, || self.dirty(redis));
    }

    /// How many records and boards are dirty or in flight; `None`: not every shard is open, or Redis does not answer.
    pub(crate) fn dirty(&self, redis: &Redis) -> Option<u64> {
        (0..SHARDS).map(|shard| dirty(redis, shard)).sum()
    }

    /// Checks everything that was played, once it has settled: what the API shows and MongoDB has is the same, and is what
    /// was submitted; only what was acknowledged below `safe` may be gone.
    pub(crate) fn check(&self, reader: &Process, persister: &Process, played: &Played, safe: Level) {
        self.settle(persister);
        self.check_account(&mut reader.client(), &played.account, safe);
    }

    /// The same, where a difference is noticed by itself and mended, but not at once.
    pub(crate) fn check_in_the_end(
        &self,
        reader: &Process,
        persister: &Process,
        played: &Played,
        safe: Level,
    ) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            self.settle(persister);
            // Whoever reads hears of another primary by itself, which may be later.
            let (client, account) = (&mut reader.client(), &played.account);
            if exact(client, account.boards()) && wrong(&self.mongo, client, account, safe).is_empty() {
                return;
            }
            pause();
        }
        self.check_account(&mut reader.client(), &played.account, safe);
    }

    /// Checks an account against what is shown now.
    pub(crate) fn check_account(&self, client: &mut Client, account: &Account, safe: Level) {
        check(&self.mongo, client, account, safe);
    }
}

/// Waits until everything is in the store: `dirty` says how much is not, as far as that is known, and `persister` agrees.
pub(crate) fn settle(persister: &Process, dirty: impl Fn() -> Option<u64>) {
    let mut scrape = persister.client();
    until("everything to reach the store", PATIENCE, || {
        let clean = dirty() == Some(0);
        (clean && gauge(&mut scrape, "hiscore_funnel_dirty_records") == Some(0.0)).then_some(())
    });
}

/// How many records and boards of a shard are dirty or in flight; `None`: this Redis does not answer, or the shard is not
/// open there.
pub(crate) fn dirty(redis: &Redis, shard: u16) -> Option<u64> {
    let mut connection = redis.connect().ok()?;
    let mut ask = |command: &[&str]| Some(connection.call(command).ok()?.to_string());
    let key = |name: &str| format!("{{hiscore:{shard}}}:{name}");
    let replication = ask(&["INFO", "replication"])?;
    let id = replication.lines().find_map(|line| line.strip_prefix("master_replid:"))?;
    let is_open = ask(&["HGET", &key("m"), "fence"])? == id;
    let count = ["d", "f"].map(|name| ask(&["ZCARD", &key(name)])?.parse::<u64>().ok());
    is_open.then_some(count[0]? + count[1]?)
}

/// Whether all of these boards are shown as Redis has them.
fn exact<'a>(client: &mut Client, mut boards: impl Iterator<Item = &'a str>) -> bool {
    boards.all(|board| {
        let query = "query State($id: ID!) { leaderboard(id: $id) { rankState } }";
        let data = wire::ask(client, query, &serde_json::json!({ "id": board }));
        data.is_ok_and(|data| data["leaderboard"]["rankState"] == "EXACT")
    })
}

/// Checks an account against what the API and MongoDB show now.
pub(crate) fn check(mongo: &Mongo, client: &mut Client, account: &Account, safe: Level) {
    let mut wrong = wrong(mongo, client, account, safe);
    let many = wrong.len();
    wrong.truncate(10);
    assert!(wrong.is_empty(), "{many} records are wrong, of {}:\n{}", account.summary(), wrong.join("\n"));
}

fn wrong(mongo: &Mongo, client: &mut Client, account: &Account, safe: Level) -> Vec<String> {
    let api = by_the_api(client, account.boards());
    let mongo = by_mongodb(mongo, account.boards());
    let mut wrong = account.differences("Redis", &api, safe);
    wrong.extend(account.differences("MongoDB", &mongo, safe));
    wrong.extend(unequal(&api, &mongo));
    wrong
}

/// Starts a process of these URLs and waits until it listens; `Err`: what it said before it ended instead.
pub(crate) fn process(
    redis: &str,
    mongo: &str,
    roles: &str,
    more: &[&str],
    environment: &[(&str, &str)],
) -> Result<Process, String> {
    let shards = SHARDS.to_string();
    let usual = [
        ["--listen", "127.0.0.1:0"],
        ["--role", roles],
        ["--redis-url", redis],
        ["--mongodb-url", mongo],
        ["--shards", &shards],
        ["--window", "64"],
        ["--lease-time", "1s"],
        ["--flush-interval", "100ms"],
        ["--ack-timeout", "3s"],
        ["--mongodb-timeout", "2s"],
    ];
    let usual = usual.into_iter().filter(|[name, _]| !more.contains(name)).flatten();
    let arguments: Vec<&str> = usual.chain(more.iter().copied()).collect();
    let mut command = command(Path::new(env!("CARGO_BIN_EXE_hiscore")), &arguments);
    command.envs(environment.iter().copied());
    Process::try_start(command).map_err(|ended| ended.said)
}

/// A gauge of a process.
pub(crate) fn gauge(client: &mut Client, name: &str) -> Option<f64> {
    let (_, text) = client.get("/metrics").ok()?;
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.trim().parse().ok())
}

fn unequal(api: &Shown, mongo: &Shown) -> Vec<String> {
    let boards = api.iter().flat_map(|(board, players)| players.iter().map(move |one| (board, one)));
    let differs = |(board, (player, state)): (&String, (&String, &_))| {
        let stored = mongo.get(board).and_then(|players| players.get(player));
        (stored != Some(state)).then(|| format!("{board}, {player}: Redis has {state:?}, MongoDB {stored:?}"))
    };
    let mut wrong: Vec<_> = boards.filter_map(differs).collect();
    for (board, players) in mongo {
        let ranked = api.get(board);
        let surplus =
            players.keys().filter(|player| !ranked.is_some_and(|ranked| ranked.contains_key(*player)));
        wrong.extend(surplus.map(|player| format!("{board}, {player}: MongoDB alone has it")));
    }
    wrong
}
