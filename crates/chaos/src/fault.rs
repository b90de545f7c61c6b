//! What is broken: every kind of fault with where it happens, how long it lasts, and within what time writes must be back.

use std::time::Duration;

use serde::Serialize;

/// What a deployment is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Profile {
    /// One process on its folder.
    Embedded,
    /// Redis under Sentinels, and MongoDB.
    Direct,
    /// The same behind Kafka.
    Logged,
    /// Or behind RabbitMQ.
    LoggedRabbitMq,
    /// A Redis Cluster, and MongoDB.
    DirectCluster,
}

impl Profile {
    pub(crate) const ALL: [Self; 5] =
        [Self::Embedded, Self::Direct, Self::Logged, Self::LoggedRabbitMq, Self::DirectCluster];
    /// Those that are run if none are named.
    pub(crate) const USUAL: [Self; 3] = [Self::Embedded, Self::Direct, Self::Logged];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Direct => "direct",
            Self::Logged => "logged",
            Self::LoggedRabbitMq => "logged-rabbitmq",
            Self::DirectCluster => "direct-cluster",
        }
    }

    /// Whether there is a log in front of it.
    pub(crate) fn is_logged(self) -> bool {
        matches!(self, Self::Logged | Self::LoggedRabbitMq)
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// The processes of hiscore: name and roles.
    pub(crate) fn processes(self) -> &'static [(&'static str, &'static str)] {
        const DIRECT: &[(&str, &str)] = &[
            ("ingest-1", "ingest"),
            ("ingest-2", "ingest"),
            ("persist-1", "persist,scoreboard"),
            ("persist-2", "persist,scoreboard"),
            ("apply-1", "apply"),
            ("apply-2", "apply"),
        ];
        match self {
            Self::Embedded => &[("server", "all")],
            Self::Direct | Self::DirectCluster => &DIRECT[..4],
            Self::Logged | Self::LoggedRabbitMq => DIRECT,
        }
    }
}

/// What can have one fault at a time: what is promised survives the loss of one server of *each* tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tier {
    /// Our own processes.
    Ours,
    /// What lies between the games and those who take submissions.
    Link,
    Redis,
    Mongo,
    Brokers,
    Disk,
    /// One server of every tier together, and the processes beside them.
    Zone,
}

/// From when on it counts how long writes take to be back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// Nobody has to mend anything.
    Begun,
    /// Only what was broken can serve.
    Healed,
}

/// Which writes must be back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Back {
    /// Acknowledged at any level.
    Acked,
    /// Acknowledged as `PERSISTED`.
    Persisted,
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Fault {
    Kill,
    Pause,
    Roll,
    Upgrade,
    Clock,
    Handles,
    LostReplies,
    Reset,
    HalfOpen,
    SlowLink,
    DiskFull,
    RedisKill,
    RedisPause,
    RedisEmptied,
    RedisFull,
    FunctionsFlushed,
    ReplicaKill,
    SentinelKill,
    RedisClock,
    ClusterFailover,
    ClusterReshard,
    ReshardBroken,
    MongoKill,
    MongoPause,
    MongoStepDown,
    MongoNoQuorum,
    MongoDiskFull,
    MongoOom,
    BrokerKill,
    BrokerPause,
    BrokersSlow,
    ZoneCut,
    ZoneSplit,
    ZonesSlow,
}

/// What there is to know of a kind of fault.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) fault: Fault,
    pub(crate) name: &'static str,
    pub(crate) tier: Tier,
    pub(crate) profiles: &'static [Profile],
    /// How long it lasts, in milliseconds.
    pub(crate) lasts: (u64, u64),
    pub(crate) since: Since,
    pub(crate) back: Back,
    /// Milliseconds, under Sentinels.
    within: u64,
}

/// The settings that bounds come from, in milliseconds.
pub(crate) const LEASE: u64 = 1_000;
const DOWN_AFTER: u64 = 1_000;
const ELECTION: u64 = 2_000;
pub(crate) const NODE_TIMEOUT: u64 = 2_000;
/// Until a Cluster has put a replica in the place of its primary: one that does not answer for `NODE_TIMEOUT`, and is asked, and talked about,
/// every half of it; then a replica waits for half a second, and for as long again by chance, before it asks for votes.
const FAILOVER: u64 = 2 * NODE_TIMEOUT + 1_000;
const USUAL: u64 = 3_000;
/// A write to a majority of MongoDB may take so long after its primary was stopped, not killed: the third member goes on
/// listening to it.
const MONGO_LISTENS: u64 = 15_000;

const EVERY: &[Profile] = &Profile::ALL;
const SERVERS: &[Profile] =
    &[Profile::Direct, Profile::Logged, Profile::LoggedRabbitMq, Profile::DirectCluster];
const SENTINELS: &[Profile] = &[Profile::Direct, Profile::Logged, Profile::LoggedRabbitMq];
const CLUSTER: &[Profile] = &[Profile::DirectCluster];
const EMBEDDED: &[Profile] = &[Profile::Embedded];
const LOGGED: &[Profile] = &[Profile::Logged, Profile::LoggedRabbitMq];

macro_rules! faults {
    ($($fault:ident $name:literal, $tier:ident, $profiles:ident, $lasts:expr, $since:ident, $back:ident, $within:expr;)*) => {
        /// All kinds.
        pub(crate) const ALL: &[About] = &[$(About {
            fault: Fault::$fault, name: $name, tier: Tier::$tier, profiles: $profiles, lasts: $lasts,
            since: Since::$since, back: Back::$back, within: $within,
        }),*];
    };
}

faults! {
    Kill "kill", Ours, EVERY, (500, 3_000), Healed, Persisted, LEASE + USUAL;
    Pause "pause", Ours, EVERY, (1_500, 4_000), Healed, Persisted, LEASE + USUAL;
    Roll "rolling-restart", Ours, EVERY, (1_000, 1_000), Healed, Persisted, LEASE + USUAL;
    Upgrade "rolling-upgrade", Ours, EVERY, (1_000, 1_000), Healed, Persisted, LEASE + USUAL;
    Clock "clock", Ours, EVERY, (2_000, 4_000), Healed, Persisted, LEASE + USUAL;
    Handles "handles", Ours, EVERY, (1_000, 2_000), Healed, Acked, 5_000;
    LostReplies "lost-replies", Link, EVERY, (500, 2_000), Healed, Acked, USUAL;
    Reset "reset", Link, EVERY, (200, 1_000), Healed, Acked, USUAL;
    HalfOpen "half-open", Link, EVERY, (1_000, 5_000), Healed, Acked, USUAL;
    SlowLink "slow-link", Link, EVERY, (1_000, 4_000), Healed, Acked, USUAL;
    DiskFull "disk-full", Disk, EMBEDDED, (1_000, 4_000), Healed, Persisted, 5_000;
    RedisKill "redis-kill", Redis, SERVERS, (3_000, 6_000), Begun, Acked, DOWN_AFTER + USUAL;
    RedisPause "redis-pause", Redis, SERVERS, (3_000, 6_000), Begun, Acked, DOWN_AFTER + USUAL;
    RedisEmptied "redis-emptied", Redis, SERVERS, (500, 1_500), Healed, Acked, USUAL;
    RedisFull "redis-full", Redis, SERVERS, (1_000, 3_000), Healed, Acked, USUAL;
    FunctionsFlushed "functions-flushed", Redis, SERVERS, (1, 1), Begun, Acked, 2_000;
    ReplicaKill "replica-kill", Redis, SERVERS, (1_000, 4_000), Begun, Acked, USUAL;
    SentinelKill "sentinel-kill", Redis, SENTINELS, (1_000, 4_000), Begun, Acked, USUAL;
    RedisClock "redis-clock", Redis, SERVERS, (3_000, 6_000), Begun, Acked, DOWN_AFTER + USUAL;
    ClusterFailover "cluster-failover", Redis, CLUSTER, (1_000, 3_000), Begun, Acked, USUAL;
    ClusterReshard "cluster-reshard", Redis, CLUSTER, (200, 2_000), Healed, Acked, USUAL;
    ReshardBroken "cluster-reshard-broken", Redis, CLUSTER, (3_000, 6_000), Healed, Acked, USUAL;
    MongoKill "mongo-kill", Mongo, SERVERS, (3_000, 6_000), Begun, Persisted, ELECTION + USUAL;
    MongoPause "mongo-pause", Mongo, SERVERS, (3_000, 6_000), Healed, Persisted, ELECTION + USUAL + MONGO_LISTENS;
    MongoStepDown "mongo-step-down", Mongo, SERVERS, (1, 1), Begun, Persisted, ELECTION + USUAL;
    MongoNoQuorum "mongo-no-quorum", Mongo, SERVERS, (4_000, 8_000), Healed, Persisted, ELECTION + USUAL + 8_000;
    MongoDiskFull "mongo-disk-full", Mongo, SERVERS, (3_000, 6_000), Healed, Persisted, ELECTION + USUAL;
    MongoOom "mongo-oom", Mongo, SERVERS, (3_000, 6_000), Begun, Persisted, ELECTION + USUAL;
    BrokerKill "broker-kill", Brokers, LOGGED, (3_000, 6_000), Begun, Acked, 5_000 + 6_000;
    BrokerPause "broker-pause", Brokers, LOGGED, (2_000, 6_000), Healed, Acked, 5_000;
    ZoneCut "zone-cut", Zone, SERVERS, (4_000, 8_000), Begun, Persisted, ELECTION + USUAL + MONGO_LISTENS;
    ZoneSplit "zone-split", Zone, SERVERS, (4_000, 8_000), Begun, Persisted, DOWN_AFTER + USUAL + LEASE;
    ZonesSlow "zones-slow", Zone, SERVERS, (2_000, 5_000), Healed, Persisted, LEASE + USUAL;
    BrokersSlow "brokers-slow", Brokers, LOGGED, (2_000, 4_000), Healed, Acked, 5_000;
}

impl Fault {
    pub(crate) fn about(self) -> &'static About {
        // Each variant has its line above; a test says so.
        ALL.iter().find(|about| about.fault == self).unwrap_or(&ALL[0])
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|about| about.name == name).map(|about| about.fault)
    }

    pub(crate) fn name(self) -> &'static str {
        self.about().name
    }

    /// By how much a Cluster takes longer than Sentinels, in milliseconds.
    fn longer_in_a_cluster(self) -> u64 {
        match self {
            Self::RedisKill | Self::RedisPause | Self::RedisClock | Self::ZoneSplit => FAILOVER - DOWN_AFTER,
            // One that was taken for dead is that for so long, and takes no writes in its first two seconds.
            Self::RedisEmptied => 2 * NODE_TIMEOUT,
            _ => 0,
        }
    }

    /// What may happen if nothing else is asked for: without an older build there is nothing to upgrade from.
    pub(crate) fn usual(is_older_build: bool) -> Vec<Self> {
        let can = |fault: &Self| *fault != Self::Upgrade || is_older_build;
        ALL.iter().map(|about| about.fault).filter(can).collect()
    }
}

impl Tier {
    /// Whether faults of both may happen at once.
    pub(crate) fn goes_with(self, other: Self) -> bool {
        let all = self == Self::Zone || other == Self::Zone;
        self != other && (!all || self == Self::Link || other == Self::Link)
    }
}

impl About {
    /// Within what time, on a machine that is so many times slower than one that does nothing else.
    pub(crate) fn bound(&self, profile: Profile, factor: f64) -> Duration {
        let more = if profile == Profile::DirectCluster { self.fault.longer_in_a_cluster() } else { 0 };
        Duration::from_millis(self.within + more).mul_f64(factor)
    }
}
