//! Which server is the primary of which shard: fixed, by the Sentinels, or by the Cluster.
//!
//! Whoever is asked may stand still, or be cut off from us: none of them is waited for while another could tell.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use redis::Value;
use tokio::task::JoinSet;

use super::channel::Channel;
use super::connect::{Purpose, Trouble, replicas};
use super::library::Keys;
use super::options::Options;
use super::url::{Host, Kind};

/// How often a Sentinel is asked again while the primary that it named does not answer; and how long a node of a Cluster is
/// waited for until another one is asked, too.
pub(super) const ASK_AGAIN: Duration = Duration::from_millis(250);

/// A primary, and the shards that are there.
pub(super) type Place = (Host, Vec<u16>);

/// Asks who is primary. Its connections are its own.
#[derive(Debug)]
pub(super) struct Resolver {
    /// As everybody's, but that nobody is waited for so long.
    options: Options,
    asked: HashMap<(Host, bool), Arc<Channel>>,
    /// Nodes of a Cluster that were heard of: the seeds may all be gone one day.
    known: Vec<Host>,
}

impl Resolver {
    pub(super) fn new(options: &Options) -> Self {
        let timeout = options.timeout.min(Duration::from_secs(2));
        let options = Options { timeout, ..options.clone() };
        Self { options, asked: HashMap::new(), known: Vec::new() }
    }

    /// Every primary with its shards, or why there is no telling.
    pub(super) async fn resolve(&mut self, keys: &Keys) -> Result<Vec<Place>, String> {
        let all: Vec<u16> = (0..keys.shards()).collect();
        match self.options.url.kind.clone() {
            Kind::Standalone => {
                Ok(self.options.url.hosts.iter().take(1).cloned().map(|host| (host, all.clone())).collect())
            }
            Kind::Sentinel { service } => Ok(vec![(self.primary_of(&service).await?, all)]),
            Kind::Cluster => self.slots(keys).await,
        }
    }

    fn channel(&mut self, host: &Host, purpose: Purpose) -> Arc<Channel> {
        let key = (host.clone(), purpose == Purpose::Sentinel);
        let made = || Arc::new(Channel::new(&self.options, host, purpose));
        Arc::clone(self.asked.entry(key).or_insert_with(made))
    }

    /// The first that a Sentinel names and that says so itself: a Sentinel may be behind.
    async fn primary_of(&mut self, service: &str) -> Result<Host, String> {
        let mut why = String::new();
        for sentinel in self.options.url.hosts.clone() {
            let asked = self.channel(&sentinel, Purpose::Sentinel);
            let mut named = match named(&asked, service, self.options.timeout).await {
                Ok(named) => named,
                Err(error) => {
                    why = error;
                    continue;
                }
            };
            if named.is_none() {
                why = format!("the Sentinel at {sentinel} knows no service {service:?}");
            }
            while let Some(host) = named.take() {
                let channel = self.channel(&host, Purpose::Any);
                let role = ask(&channel, redis::cmd("ROLE"), self.options.timeout);
                // One that stands still is not waited for when the Sentinel knows better meanwhile.
                let role = tokio::select! {
                    biased;
                    role = role => role,
                    another = another(&asked, service, &host, self.options.timeout) => {
                        named = Some(another);
                        continue;
                    }
                };
                match role.map(|role| replicas(&role)) {
                    Ok(Ok(_)) => return Ok(host),
                    Ok(Err(error)) | Err(error) => why = format!("{host}, named by a Sentinel: {error}"),
                }
            }
        }
        Err(why)
    }

    /// Who the primary of a shard is by a majority, asked afresh: of all Sentinels of the URL, or of the Cluster's nodes.
    pub(super) async fn majority(&mut self, keys: &Keys, shard: u16) -> Result<Host, String> {
        let Kind::Sentinel { service } = self.options.url.kind.clone() else {
            let places = self.resolve(keys).await?;
            let found = places.into_iter().find(|(_, shards)| shards.contains(&shard));
            return found.map(|(host, _)| host).ok_or_else(|| "nobody has this shard".to_owned());
        };
        let mut votes: HashMap<Host, usize> = HashMap::new();
        let sentinels = self.options.url.hosts.clone();
        for sentinel in &sentinels {
            let asked = self.channel(sentinel, Purpose::Sentinel);
            if let Ok(Some(host)) = named(&asked, &service, self.options.timeout).await {
                *votes.entry(host).or_default() += 1;
            }
        }
        let most = votes.into_iter().find(|(_, votes)| votes * 2 > sentinels.len());
        most.map(|(host, _)| host).ok_or_else(|| {
            format!("fewer than half of the {} Sentinels name the same primary", sentinels.len())
        })
    }

    /// What the first node says that is with the majority: one that is cut off from the others, and not from us, would go on
    /// naming itself. If none is, what the first one says that answers. While one lets us wait the next is asked, too.
    async fn slots(&mut self, keys: &Keys) -> Result<Vec<Place>, String> {
        let mut why = String::new();
        let mut cut_off = None;
        let mut hosts = self.known.clone();
        hosts.extend(self.options.url.hosts.iter().filter(|host| !self.known.contains(host)).cloned());
        let mut hosts = hosts.into_iter();
        let mut asked = JoinSet::new();
        loop {
            let next = hosts.next().map(|host| {
                let channel = self.channel(&host, Purpose::Any);
                asked.spawn(view(channel, host, self.options.timeout));
            });
            let patience = if next.is_some() { ASK_AGAIN } else { Duration::MAX };
            let view = match tokio::time::timeout(patience, asked.join_next()).await {
                Err(_) => continue,
                Ok(None) => return cut_off.ok_or(why),
                Ok(Some(view)) => view.map_err(|error| error.to_string()).and_then(|view| view),
            };
            let (places, is_well) = match view.and_then(|view| Ok((view.places(keys)?, view.is_well))) {
                Ok(found) => found,
                Err(error) => {
                    why = error;
                    continue;
                }
            };
            if is_well {
                self.known = places.iter().map(|(host, _)| host.clone()).collect();
                return Ok(places);
            }
            cut_off.get_or_insert(places);
        }
    }
}

/// What a node of a Cluster says of it.
struct View {
    ranges: Vec<(u16, u16, Host)>,
    /// It is with the majority.
    is_well: bool,
}

impl View {
    /// Every primary with its shards; an error if it knows of none.
    fn places(&self, keys: &Keys) -> Result<Vec<Place>, String> {
        let mut places: Vec<Place> = Vec::new();
        let mut lost = None;
        for shard in 0..keys.shards() {
            let slot = keys.slot(shard);
            match self.ranges.iter().find(|(first, last, _)| (*first..=*last).contains(&slot)) {
                None => lost = Some(slot),
                Some((_, _, host)) => match places.iter_mut().find(|(known, _)| known == host) {
                    Some((_, shards)) => shards.push(shard),
                    None => places.push((host.clone(), vec![shard])),
                },
            }
        }
        match lost {
            Some(slot) if places.is_empty() => Err(format!("nobody serves slot {slot} of the Cluster")),
            _ => Ok(places),
        }
    }
}

/// Asks a node of a Cluster.
async fn view(channel: Arc<Channel>, host: Host, timeout: Duration) -> Result<View, String> {
    let cluster = |question: &str| redis::cmd("CLUSTER").arg(question).take();
    let ranges = slot_ranges(&ask(&channel, cluster("SLOTS"), timeout).await?, &host);
    let info = ask(&channel, cluster("INFO"), timeout).await;
    let is_well = matches!(&info, Ok(Value::BulkString(info)) if info.starts_with(b"cluster_state:ok"));
    Ok(View { ranges, is_well })
}

async fn ask(channel: &Channel, command: redis::Cmd, timeout: Duration) -> Result<Value, String> {
    let text = |trouble: Trouble| match trouble {
        Trouble::Unavailable(text)
        | Trouble::Elsewhere(text)
        | Trouble::Ambiguous(text)
        | Trouble::Invalid(text) => text,
        Trouble::NoFunction => "no such function".into(),
    };
    let mut answers = channel.send(vec![command], timeout).await.map_err(text)?;
    answers.pop().unwrap_or(Ok(Value::Nil)).map_err(text)
}

/// Whom a Sentinel names, if it knows the service.
async fn named(sentinel: &Channel, service: &str, timeout: Duration) -> Result<Option<Host>, String> {
    let mut command = redis::cmd("SENTINEL");
    command.arg("get-master-addr-by-name").arg(service);
    ask(sentinel, command, timeout).await.map(|answer| host_of(&answer))
}

/// Asks a Sentinel until it names another than `host`.
async fn another(sentinel: &Channel, service: &str, host: &Host, timeout: Duration) -> Host {
    loop {
        tokio::time::sleep(ASK_AGAIN).await;
        if let Ok(Some(another)) = named(sentinel, service, timeout).await
            && another != *host
        {
            return another;
        }
    }
}

pub(super) fn host_of(answer: &Value) -> Option<Host> {
    let Value::Array(fields) = answer else { return None };
    let [Value::BulkString(name), Value::BulkString(port), ..] = fields.as_slice() else { return None };
    let port = std::str::from_utf8(port).ok()?.parse().ok()?;
    Some(Host { name: String::from_utf8(name.clone()).ok()?, port })
}

/// First and last slot, and the primary. A node that does not know its own name leaves it out: it is the one that was asked.
pub(super) fn slot_ranges(answer: &Value, asked: &Host) -> Vec<(u16, u16, Host)> {
    let Value::Array(ranges) = answer else { return Vec::new() };
    let range = |range: &Value| {
        let Value::Array(fields) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(primary), ..] = fields.as_slice() else {
            return None;
        };
        let name = match primary.first() {
            Some(Value::BulkString(name)) if !name.is_empty() => String::from_utf8(name.clone()).ok()?,
            _ => asked.name.clone(),
        };
        let Some(Value::Int(port)) = primary.get(1) else { return None };
        let host = Host { name, port: u16::try_from(*port).ok()? };
        Some((u16::try_from(*first).ok()?, u16::try_from(*last).ok()?, host))
    };
    ranges.iter().filter_map(range).collect()
}

#[cfg(test)]
mod tests;
