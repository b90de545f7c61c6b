//! The tier in Redis passes the conformance suite, alone and in a Cluster.
//!
//! The suite moves players by hand, so it writes as a reconcile does: absolute states, whatever is there.

use std::sync::Mutex;

use hiscore_faults::servers::{self, Redis, RedisCluster, Resp};
use hiscore_rank::redis::{BoardState, Install, RedisRanks};
use hiscore_rank::suite::{self, Subject};
use hiscore_rank::{Query, RankError, Ranking, View};
use hiscore_score::{
    Leaderboard, Live, PlayerId, Position, Record, RecordKey, Rules, Season, Stamp, Standing, Window,
};

use super::support::{LONG, ME, Tier, options};

/// A client for all histories of a suite, which differ by a board of their own.
struct Shared {
    tier: Tier,
    replication: Vec<String>,
    /// To take seasons away, which nobody but a test wants. One a shard.
    raw: Vec<Mutex<Resp>>,
    prefix: String,
}

struct InRedis<'a>(&'a Shared);

impl Shared {
    fn new(url: &str, shards: u16, node: impl Fn(&str) -> Resp) -> Self {
        let mut options = options(url);
        options.shards = shards;
        let prefix = options.prefix.clone();
        let tier = Tier::with(options);
        let survey = |shard| tier.patiently(|| tier.ranks.survey(shard, ME, LONG)).replication;
        let replication = (0..shards).map(survey).collect();
        let raw = (0..shards).map(|shard| Mutex::new(node(&format!("{{{prefix}:{shard}}}:m")))).collect();
        (0..shards).for_each(|shard| tier.open(shard, 2));
        Self { tier, replication, raw, prefix }
    }

    /// An empty tier.
    fn subject(&self) -> InRedis<'_> {
        for id in ["daily", "weekly"] {
            let leaderboard = hiscore_score::LeaderboardId::new(id).unwrap();
            let shard = self.tier.ranks.shard_of(&leaderboard);
            (1..=2).for_each(|version| self.forget(shard, &format!("{version:010}:{id}")));
            // At its second season, so that both stay.
            let rules = Rules { operator: hiscore_score::Operator::Set, ..Rules::default() };
            let leaderboard_ = Leaderboard { version: 2, ..Leaderboard::new(rules, Stamp::ZERO) };
            let state = BoardState { id: leaderboard, leaderboard: leaderboard_, position: Position::ZERO };
            self.install(shard, &[], &[(state, false)]);
            self.forget(shard, &format!("0000000002:{id}"));
        }
        InRedis(self)
    }

    fn forget(&self, shard: u16, season: &str) {
        let base = format!("{{{}:{shard}}}:", self.prefix);
        let mut raw = self.raw[usize::from(shard)].lock().unwrap();
        raw.call(&["HDEL", &format!("{base}s"), season]).unwrap();
        raw.call(&["DEL", &format!("{base}r:{season}"), &format!("{base}z:{season}")]).unwrap();
    }

    fn install(&self, shard: u16, rows: &[Install], boards: &[(BoardState, bool)]) {
        let replication = &self.replication[usize::from(shard)];
        self.tier.wait(self.tier.ranks.install(shard, ME, replication, rows, boards)).unwrap();
    }
}

impl InRedis<'_> {
    fn put(&self, season: &Season, player: &PlayerId, live: Option<Live>, revision: u64) {
        // The suite begins at 0 to say that it does not look; positions do not.
        let record = Record {
            live,
            deleted: Stamp::ZERO,
            updated: Stamp::ZERO,
            position: Position::new(1, revision),
            window: Window::default(),
        };
        let key = RecordKey { season: season.clone(), player: player.clone() };
        let shard = self.0.tier.ranks.shard_of(&season.leaderboard);
        self.0.install(shard, &[Install { key, record, dirty: false }], &[]);
    }
}

impl Subject for InRedis<'_> {
    fn open(&self, season: &Season) {
        let shard = self.0.tier.ranks.shard_of(&season.leaderboard);
        let name = format!("{:010}:{}", season.version, season.leaderboard);
        let base = format!("{{{}:{shard}}}:", self.0.prefix);
        let mut raw = self.0.raw[usize::from(shard)].lock().unwrap();
        let mut connection = |command: &[&str]| raw.call(command).unwrap();
        // Revision and last sequence, 7 bytes each.
        connection(&["HSETNX", &format!("{base}s"), &name, &"\0".repeat(14)]);
    }

    fn close(&self, season: &Season) {
        let shard = self.0.tier.ranks.shard_of(&season.leaderboard);
        self.0.forget(shard, &format!("{:010}:{}", season.version, season.leaderboard));
    }

    fn upsert(&self, season: &Season, player: &PlayerId, standing: Standing, revision: u64) {
        // Whatever rules the standing was made by: read back by these it is the same.
        let rules = Rules::default();
        let live = Live {
            score: standing.score(&rules),
            subscore: standing.subscore(&rules),
            metadata: None,
            num_score: 1,
            created: Stamp::ZERO,
            reached: standing.reached(),
        };
        self.put(season, player, Some(live), revision);
    }

    fn remove(&self, season: &Season, player: &PlayerId, revision: u64) {
        self.put(season, player, None, revision);
    }

    fn read(&self, season: &Season, query: Query) -> Result<View, RankError> {
        let ranks: &RedisRanks = &self.0.tier.ranks;
        self.0.tier.wait(ranks.read(season, query))
    }
}

fn alone(test: impl Fn(&Shared)) {
    if servers::missing("redis-server") {
        return;
    }
    let redis = Redis::start();
    test(&Shared::new(&redis.url(), 1, |_| redis.connect().unwrap()));
}

#[test]
fn histories_agree_with_a_sorted_list() {
    alone(|shared| suite::histories_agree_with_a_sorted_list(|| shared.subject()));
}

#[test]
fn pages_neither_repeat_nor_skip() {
    alone(|shared| suite::pages_neither_repeat_nor_skip(|| shared.subject()));
}

#[test]
fn edges() {
    alone(|shared| suite::edges(|| shared.subject()));
}

#[test]
fn in_a_cluster() {
    if servers::missing("redis-server") {
        return;
    }
    let cluster = RedisCluster::start(3);
    let node = |key: &str| cluster.nodes()[cluster.node_of(key)].connect().unwrap();
    let shared = Shared::new(&cluster.url(), 16, node);
    assert_eq!(shared.tier.ranks.status().primaries, 3, "every node has some of the shards");
    suite::edges(|| shared.subject());
    suite::histories_agree_with_a_sorted_list(|| shared.subject());
}
