//! Whether a Cluster has all keys of a shard in one place.
//!
//! A reshard moves a slot's keys one by one, and only the primary that they leave knows that. If it dies, the replica in its
//! place has what had not left yet, takes that for everything, and answers. Nobody but the primary at the other end knows
//! better: it has the rest. So it is asked before a shard is reconciled, or what Redis has would be taken for what it lost.

use std::collections::HashSet;

use redis::Value;

use super::RedisRanks;
use super::calls::CallError;
use super::channel::Channel;
use super::connect::{Purpose, Trouble};
use super::url::{Host, Kind};

impl RedisRanks {
    /// Refuses a shard of which another primary has keys, too. One that does not answer is left out: it may be gone for good,
    /// and what it had with it.
    pub(super) async fn is_whole(&self, shard: u16) -> Result<(), CallError> {
        let options = &self.hub.options;
        if options.url.kind != Kind::Cluster {
            return Ok(());
        }
        let slot = self.hub.keys.slot(shard);
        let mut nodes = redis::cmd("CLUSTER");
        nodes.arg("NODES");
        let others = match self.hub.control(shard, nodes).await? {
            Value::BulkString(text) => other_primaries(&String::from_utf8_lossy(&text)),
            _ => return Err(CallError::Invalid("the nodes of the Cluster cannot be read".into())),
        };
        for host in others {
            let mut count = redis::cmd("CLUSTER");
            count.arg("COUNTKEYSINSLOT").arg(slot);
            let channel = Channel::new(options, &host, Purpose::Any);
            let Ok(mut answers) = channel.send(vec![count], options.timeout).await else { continue };
            match answers.pop() {
                Some(Ok(Value::Int(0))) | None => {}
                Some(Ok(_)) => {
                    return Err(CallError::Unavailable(format!(
                        "keys of shard {shard} (slot {slot}) are at {host} too, where a reshard was bringing them: it waits \
                         until that is completed, as by redis-cli --cluster fix"
                    )));
                }
                Some(Err(trouble)) => return Err(Trouble::into(trouble)),
            }
        }
        Ok(())
    }
}

/// The primaries in an answer to `CLUSTER NODES` but the one that gave it and those that are known to be gone.
pub(super) fn other_primaries(nodes: &str) -> HashSet<Host> {
    let primary = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (address, flags) = (fields.next()?, fields.next()?);
        let has = |wanted| flags.split(',').any(|flag| flag == wanted);
        if !has("master") || ["myself", "fail", "noaddr", "handshake"].into_iter().any(has) {
            return None;
        }
        // IP:PORT@BUS, and the host's name behind a comma, if it has one.
        let (name, port) = address.split('@').next()?.rsplit_once(':')?;
        Some(Host { name: name.to_owned(), port: port.parse().ok()? })
    };
    nodes.lines().filter_map(primary).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_else_may_have_keys() {
        let nodes = "\
            a 10.0.0.1:6379@16379,one.example myself,master - 0 0 1 connected 0-5460 [5460->-b]\n\
            b 10.0.0.2:6379@16379 master - 0 0 2 connected 5461-16383\n\
            c ::1:7000@17000 master,fail? - 0 0 3 connected\n\
            d 10.0.0.4:6379@16379 master,fail - 0 0 4 disconnected\n\
            e 10.0.0.5:6379@16379 slave b 0 0 2 connected\n\
            f :0@0 master,noaddr - 0 0 0 disconnected\n";
        let host = |name: &str, port| Host { name: name.to_owned(), port };
        assert_eq!(other_primaries(nodes), HashSet::from([host("10.0.0.2", 6379), host("::1", 7000)]));
    }
}
