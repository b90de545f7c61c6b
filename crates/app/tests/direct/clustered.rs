//! A deployment on a Redis Cluster of three primaries, and the checks of what was played there.

use hiscore_faults::servers::{Mongo, Redis, RedisCluster};
use hiscore_faults::tally::walk;
use hiscore_faults::{Client, Process};

use bson::doc;
use hiscore_faults::wait::until;
use serde_json::json;

use crate::deployment::{PATIENCE, SHARDS, check, dirty, process, settle};
use crate::load::Played;
use crate::secured::make_user_in_a_cluster;
use crate::shown::{documents, integer};
use crate::wire::{self, Level};

const STATE: &str = "query State($id: ID!) { leaderboard(id: $id) { rankState } }";

/// Boards of every shard, and so on every primary.
pub(crate) const SPREAD: [(&str, &str); 6] = [
    ("best", "BEST"),
    ("best-2", "BEST"),
    ("set", "SET"),
    ("set-6", "SET"),
    ("sum", "INCREMENT"),
    ("sum-3", "INCREMENT"),
];

/// The servers.
#[derive(Debug)]
pub(crate) struct Clustered {
    pub(crate) cluster: RedisCluster,
    pub(crate) mongo: Mongo,
    /// Of the Cluster, with the user that the README tells to make.
    url: String,
}

impl Clustered {
    /// Three primaries with so many replicas each, and MongoDB. Every primary has one of the shards.
    pub(crate) fn start(replicas: usize) -> Self {
        let cluster = RedisCluster::with_replicas(3, replicas);
        let logins: Vec<String> = cluster.nodes().iter().map(make_user_in_a_cluster).collect();
        let url = cluster.url().replace("://", &format!("://{}", logins[0]));
        let clustered = Self { cluster, mongo: Mongo::start(1), url };
        let mut used: Vec<usize> = (0..SHARDS).map(|shard| clustered.node_of(shard)).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used.len(), 3, "the shards are not spread over all primaries");
        clustered
    }

    /// Starts a process and waits until it is ready.
    pub(crate) fn serve(&self, roles: &str) -> Process {
        let started = process(&self.url, &self.mongo.url(), roles, &[], &[]);
        started.unwrap_or_else(|said| panic!("it ended: {said}")).ready()
    }

    /// The number of the node that serves a shard now.
    pub(crate) fn node_of(&self, shard: u16) -> usize {
        self.cluster.node_of(&meta(shard))
    }

    /// The node that serves a shard now.
    pub(crate) fn redis_of(&self, shard: u16) -> &Redis {
        &self.cluster.nodes()[self.node_of(shard)]
    }

    /// Checks everything that was played, once it has settled: what the API shows and MongoDB has is the same, is in the same
    /// order, and is what was submitted; only what was acknowledged below `safe` may be gone.
    pub(crate) fn check(&self, reader: &Process, persister: &Process, played: &Played, safe: Level) {
        settle(persister, || (0..SHARDS).map(|shard| dirty(self.redis_of(shard), shard)).sum());
        let mut client = reader.client();
        // One that nobody asked meanwhile finds out where the shards are now by being asked.
        until("a reader to find every shard", PATIENCE, || {
            let mut is_exact = |board| {
                let data = wire::ask(&mut client, STATE, &json!({ "id": board }));
                data.is_ok_and(|data| data["leaderboard"]["rankState"] == "EXACT")
            };
            played.account.boards().all(&mut is_exact).then_some(())
        });
        check(&self.mongo, &mut client, &played.account, safe);
        for board in played.account.boards() {
            self.check_order(&mut client, board);
        }
    }

    /// The walk over all pages of a board is in the order of the law, as the states in the store have it.
    pub(crate) fn check_order(&self, client: &mut Client, board: &str) {
        let rows = documents(&self.mongo, doc! { "leaderboardId": board, "deleted": { "$ne": true } });
        let mut stored: Vec<_> = rows
            .iter()
            .map(|row| {
                let reached = integer(row.get_document("order").expect("its place"), "reached");
                let player = row.get_str("playerId").expect("whose it is").to_owned();
                (-integer(row, "score"), -integer(row, "subscore"), reached, player)
            })
            .collect();
        stored.sort();
        let stored: Vec<String> = stored.into_iter().map(|(.., player)| player).collect();
        let shown: Vec<String> = walk(client, board, None, 7).into_iter().map(|row| row.player).collect();
        assert_eq!(shown, stored, "{board}");
    }
}

/// The key of a shard by which all the others are found.
pub(crate) fn meta(shard: u16) -> String {
    format!("{{hiscore:{shard}}}:m")
}
