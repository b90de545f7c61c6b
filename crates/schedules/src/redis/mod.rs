//! Simulated servers of Redis, and the Sentinels that say which of them is the primary.
//!
//! What runs on them is the library of functions itself (`engine`); simulated are the keys and their commands (`keyspace`,
//! `zset`), the connections (`front`), and what becomes of a server. There are two servers. The replica has what the primary
//! had when it was last brought up to date, which `WAIT` does at once if the two can reach each other. Three Sentinels
//! name a primary; a URL without Sentinels leads to whoever it is.

mod engine;
pub(crate) mod front;
mod keyspace;
mod packing;
mod zset;

use std::sync::Arc;

use parking_lot::Mutex;

use crate::chance::Chance;
use crate::journal::{Journal, digest};
use crate::mistake::Mistake;
use engine::{Engine, Sight};
use keyspace::{Keyspace, Reply};

/// The day on which every schedule begins, in Unix ms.
pub(crate) const EPOCH_MS: u64 = 1_772_000_000_000;
/// How many servers there are, Sentinels apart.
pub(crate) const SERVERS: usize = 2;

/// One server.
#[derive(Debug, Default)]
struct Server {
    keys: Keyspace,
    /// Functions are loaded.
    has_library: bool,
    is_up: bool,
    is_primary: bool,
    /// Its replication id.
    id: u64,
    /// Grows whenever all its connections break.
    life: u64,
}

/// All of them.
pub(crate) struct Servers {
    servers: Vec<Server>,
    /// Whom the Sentinels name.
    named: usize,
    /// Whether the replica can reach the primary.
    is_linked: bool,
    /// Whether it has been brought up to date since it follows.
    is_in_sync: bool,
    /// Pairs of host and server that cannot reach each other. A host that is cut off from a server's side does not reach the
    /// Sentinels either.
    cut: Vec<(String, usize)>,
    engine: Engine,
    chance: Chance,
    journal: Journal,
    mistake: Option<Mistake>,
    /// What scripts did that they should not.
    pub(crate) script_errors: Vec<String>,
}

pub(crate) type Shared = Arc<Mutex<Servers>>;

/// What comes of a command.
pub(crate) enum Done {
    Reply(Reply),
    /// A reply that takes so long.
    After(u64, Reply),
}

impl Servers {
    pub(crate) fn new(
        chance: Chance,
        journal: Journal,
        mistake: Option<Mistake>,
    ) -> Result<Self, mlua::Error> {
        let mut servers = Self {
            servers: Vec::new(),
            named: 0,
            is_linked: true,
            is_in_sync: false,
            cut: Vec::new(),
            engine: Engine::new()?,
            chance,
            journal,
            mistake,
            script_errors: Vec::new(),
        };
        for number in 0..SERVERS {
            let id = servers.chance.any();
            let server = Server { is_up: true, is_primary: number == 0, id, ..Server::default() };
            servers.servers.push(server);
        }
        Ok(servers)
    }

    pub(crate) fn named(&self) -> usize {
        self.named
    }

    pub(crate) fn other(&self) -> usize {
        1 - self.named
    }

    /// Grows when the server's connections break; `None`: nobody answers there.
    pub(crate) fn life(&self, server: usize) -> Option<u64> {
        self.servers.get(server).filter(|server| server.is_up).map(|server| server.life)
    }

    pub(crate) fn reaches(&self, host: &str, server: usize) -> bool {
        !self.cut.iter().any(|(cut, from)| cut == host && *from == server)
    }

    /// Cuts a host off from a server.
    pub(crate) fn cut(&mut self, host: &str, server: usize) {
        self.journal.tell(format_args!("! {host} does not reach redis-{server}"));
        self.cut.push((host.to_owned(), server));
    }

    /// Everybody reaches everybody.
    pub(crate) fn mend(&mut self) {
        self.journal.tell("! the network is whole");
        self.cut.clear();
        self.is_linked = true;
        let named = self.named;
        // Whoever else is up follows the one that is named.
        for number in 0..SERVERS {
            if number != named && self.servers[number].is_up && self.servers[number].is_primary {
                self.follow(number);
            }
        }
    }

    /// A primary becomes a replica of the one that is named; its connections break.
    fn follow(&mut self, number: usize) {
        self.journal.tell(format_args!("! redis-{number} follows redis-{}", self.named));
        let server = &mut self.servers[number];
        server.is_primary = false;
        server.life += 1;
        self.replicate();
    }

    /// Whether a replica follows.
    fn replicas(&self, server: usize) -> usize {
        let other = &self.servers[1 - server];
        usize::from(self.is_linked && other.is_up && !other.is_primary)
    }

    /// Brings the replica up to date, if there is one that can be.
    pub(crate) fn replicate(&mut self) {
        let (named, other) = (self.named, self.other());
        if self.servers[named].is_up && self.servers[named].is_primary && self.replicas(named) > 0 {
            self.servers[other].keys = self.servers[named].keys.clone();
            self.servers[other].has_library = self.servers[named].has_library;
            self.servers[other].id = self.servers[named].id;
            self.is_in_sync = true;
        }
    }

    /// The replica hears nothing any more; `false`: there is none that could be named next.
    pub(crate) fn unlink(&mut self) -> bool {
        let is_ready = self.is_in_sync && self.servers[self.named].is_up && self.replicas(self.named) > 0;
        if is_ready {
            self.journal.tell("! the replica is cut off from the primary");
            self.is_linked = false;
        }
        is_ready
    }

    /// A server dies.
    pub(crate) fn stop(&mut self, number: usize) {
        self.journal.tell(format_args!("! redis-{number} dies"));
        let server = &mut self.servers[number];
        server.is_up = false;
        server.life += 1;
    }

    /// A server is started again: with what it had, or empty; as a replica, if another one is named.
    pub(crate) fn start(&mut self, number: usize, is_empty: bool) {
        let how = if is_empty { "empty" } else { "as it was" };
        self.journal.tell(format_args!("! redis-{number} is started, {how}"));
        let id = self.chance.any();
        let server = &mut self.servers[number];
        if is_empty {
            server.keys = Keyspace::default();
            server.has_library = false;
        }
        server.is_up = true;
        server.is_primary = number == self.named;
        server.life += 1;
        server.id = id;
        self.replicate();
    }

    /// The Sentinels name the replica, with what it has. A primary that is alive goes on as one until it hears of that.
    pub(crate) fn fail_over(&mut self) {
        let to = self.other();
        if !self.servers[to].is_up {
            return;
        }
        self.journal.tell(format_args!("! the Sentinels name redis-{to}"));
        self.named = to;
        self.is_in_sync = false;
        let id = self.chance.any();
        let server = &mut self.servers[to];
        server.is_primary = true;
        server.id = id;
        server.life += 1;
    }

    /// A primary that is not named any more, if it lives.
    pub(crate) fn overtaken(&self) -> Option<usize> {
        let other = self.other();
        Some(other).filter(|other| self.servers[*other].is_up && self.servers[*other].is_primary)
    }

    /// The functions are gone, as after a `FUNCTION FLUSH`.
    pub(crate) fn flush_functions(&mut self) {
        self.journal.tell("! the functions are flushed");
        let named = self.named;
        self.servers[named].has_library = false;
    }

    /// The Sentinels' answer to whoever reaches most of them: a host that is cut off from the primary is cut off from those, too,
    /// and reaches only one, which has not heard of any failover.
    fn sentinel(&self, host: &str, sentinel: usize) -> Option<Reply> {
        let is_cut_off = !self.reaches(host, self.named) && self.overtaken().is_some();
        let named = match (is_cut_off, sentinel) {
            (true, 0) => self.other(),
            (true, _) => return None,
            (false, _) => self.named,
        };
        let texts = [format!("redis-{named}"), "6379".to_owned()];
        Some(Reply::Array(texts.map(|text| Reply::Bulk(text.into_bytes())).to_vec()))
    }

    /// Carries out a command of `host` on a server, which is up. `unix_us`: its clock.
    fn run(&mut self, host: &str, number: usize, command: &[Vec<u8>], unix_us: u64) -> Done {
        let name = command.first().map(|name| String::from_utf8_lossy(name).to_ascii_uppercase());
        Done::Reply(match (name.as_deref(), &command[1.min(command.len())..]) {
            (Some("PING"), _) => Reply::Status("PONG"),
            (Some("ROLE"), _) => self.role(number),
            (Some("FUNCTION"), [_, code]) => self.load(number, code),
            (Some("FCALL"), [function, _, key, args @ ..]) => {
                self.call(host, number, function, key, args, unix_us, false)
            }
            (Some("FCALL_RO"), [function, _, key, args @ ..]) => {
                self.call(host, number, function, key, args, unix_us, true)
            }
            (Some("WAIT"), [wanted, patience]) => {
                let count = self.replicas(number).min(usize::from(number == self.named));
                if count == 0 && wanted != b"0" {
                    let patience = String::from_utf8_lossy(patience).parse().unwrap_or(0);
                    return Done::After(patience, Reply::Int(0));
                }
                self.replicate();
                Reply::Int(count as i64)
            }
            (name, _) => Reply::Error(format!("ERR unknown command {name:?}")),
        })
    }

    fn role(&self, number: usize) -> Reply {
        let text = |text: &str| Reply::Bulk(text.as_bytes().to_vec());
        if !self.servers[number].is_primary {
            return Reply::Array(vec![text("slave"), text("redis"), Reply::Int(6379), text("connected")]);
        }
        let replica = || Reply::Array(vec![text("replica"), text("6379"), text("0")]);
        let replicas = if number == self.named { self.replicas(number) } else { 0 };
        Reply::Array(vec![
            text("master"),
            Reply::Int(0),
            Reply::Array((0..replicas).map(|_| replica()).collect()),
        ])
    }

    fn load(&mut self, number: usize, code: &[u8]) -> Reply {
        let server = &mut self.servers[number];
        if server.has_library {
            return Reply::Error("ERR Library already exists".to_owned());
        }
        let code = String::from_utf8_lossy(code).into_owned();
        let code = match self.mistake {
            None => code,
            Some(mistake) => match mistake.put_into(&code) {
                Some(code) => code,
                None => return Reply::Error(format!("ERR there is no place for {mistake:?}")),
            },
        };
        match self.engine.load(code.as_bytes()) {
            Ok(()) => {
                server.has_library = true;
                Reply::Bulk(b"hiscore".to_vec())
            }
            Err(error) => Reply::Error(error),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of one command")]
    fn call(
        &mut self,
        host: &str,
        number: usize,
        function: &[u8],
        key: &[u8],
        args: &[Vec<u8>],
        unix_us: u64,
        is_read: bool,
    ) -> Reply {
        let function = String::from_utf8_lossy(function).into_owned();
        let server = &mut self.servers[number];
        let reads = self.engine.reads(&function);
        let (true, Some(reads)) = (server.has_library, reads) else {
            return Reply::Error("ERR Function not found".to_owned());
        };
        if is_read && !reads {
            return Reply::Error(
                "ERR Can not execute a script with write flag using *_ro command.".to_owned(),
            );
        }
        if !server.is_primary && !reads {
            return Reply::Error("READONLY You can't write against a read only replica.".to_owned());
        }
        let role = if server.is_primary { "master" } else { "slave" };
        let replication = format!("# Replication\r\nrole:{role}\r\nmaster_replid:{:040x}\r\n", server.id);
        let mut sight = Sight { keys: std::mem::take(&mut server.keys), unix_us, replication };
        let reply = self.engine.call(&function, &[key.to_vec()], args, &mut sight);
        server.keys = sight.keys;
        let short = function.rsplit_once("_1_").map_or(function.as_str(), |(_, rest)| rest);
        let short = short.split_once('_').map_or(short, |(_, name)| name);
        if let Reply::Error(error) = &reply {
            self.script_errors.push(format!("{short}: {error}"));
        }
        // Looks are most of all calls, then questions after verdicts that nobody has given yet.
        let is_dull = short == "look" || (short == "verdicts" && is_alone(&reply));
        if !is_dull {
            let asked = digest(args.iter().map(Vec::as_slice));
            let key = String::from_utf8_lossy(key);
            let answered = digest([format!("{reply:?}").as_bytes()]);
            let said = said(&reply);
            self.journal.tell(format_args!(
                "{host} redis-{number} {short} {key} {asked:016x}: {said} {answered:016x}"
            ));
        }
        reply
    }
}

/// Whether an answer says no more than that all is well.
fn is_alone(reply: &Reply) -> bool {
    matches!(reply, Reply::Array(items) if items.len() == 1)
}

/// The first word of an answer.
fn said(reply: &Reply) -> String {
    match reply {
        Reply::Array(items) => items.first().map_or_else(String::new, said),
        Reply::Bulk(text) if text.len() < 12 => String::from_utf8_lossy(text).into_owned(),
        Reply::Error(text) => text.clone(),
        _ => String::new(),
    }
}
