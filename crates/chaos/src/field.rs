//! A deployment as it is run: real servers, our own processes, and a proxy between the games and each that takes submissions.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use hiscore_faults::servers::{Host, Mongo, Proxy};
use hiscore_faults::{MemoryGroup, SmallDisk};
use tempfile::TempDir;

use crate::brokers::Brokers;
use crate::fault::{LEASE, Profile};
use crate::options::Options;
use crate::ours::Ours;
use crate::ranks::Ranks;
use crate::zones::{ZONES, Zones};

/// Few, so that every board's shard is played on.
pub(crate) const SHARDS: u16 = 4;
/// Submission ids that a player's window holds: more than are sent for one while a retry is under way.
pub(crate) const WINDOW: usize = 512;
/// What the data folder of the embedded profile may take, in KiB.
const DISK: u64 = 96 << 10;
/// The same of each member of MongoDB, which had 127 MiB in it after a minute of 300 requests a second.
const MONGO_DISK: u64 = 512 << 10;

/// Fields are dropped in this order: whoever uses a server ends before it.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) profile: Profile,
    /// What is tested, which is what all processes are upgraded to.
    pub(crate) binary: PathBuf,
    pub(crate) links: Vec<Proxy>,
    pub(crate) ours: Vec<Ours>,
    pub(crate) servers: Option<Servers>,
    /// `Err`: why everything is on one host.
    pub(crate) zones: Result<Zones, String>,
    /// `Err`: why there is none.
    pub(crate) disk: Result<SmallDisk, String>,
    _folder: TempDir,
}

/// What a profile with servers has.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) ranks: Ranks,
    pub(crate) mongo: Mongo,
    /// Which memory its members have. `Err`: why they have that of this machine.
    pub(crate) groups: Result<Vec<MemoryGroup>, String>,
    /// Where its members have their data. `Err`: why that is no file system of their own.
    pub(crate) disks: Result<Vec<SmallDisk>, String>,
    pub(crate) brokers: Option<Brokers>,
}

impl Servers {
    /// Of each tier the first server is on the first host, and so on.
    fn start(profile: Profile, hosts: &[Host; ZONES], folder: &Path, how_many: usize) -> Self {
        let disks: Result<Vec<SmallDisk>, String> = (0..ZONES).map(|at| mongo_disk(folder, at)).collect();
        let groups: Result<Vec<MemoryGroup>, String> = (0..ZONES).map(|at| mongo_group(folder, at)).collect();
        let of_mongo: Vec<Host> = match &groups {
            Ok(groups) => hosts.iter().zip(groups).map(|(host, group)| host.in_group(group)).collect(),
            Err(_) => hosts.to_vec(),
        };
        let (ranks, mongo, brokers) = std::thread::scope(|scope| {
            let mongo = scope.spawn(|| match &disks {
                Ok(disks) => Mongo::in_folders(&of_mongo, disks.iter().map(SmallDisk::folder).collect()),
                Err(_) => Mongo::on(&of_mongo, &[]),
            });
            let brokers = scope.spawn(|| Brokers::start(profile, hosts, how_many));
            let ranks = Ranks::start(profile, hosts);
            let joined = "a server did not start; see above";
            (ranks, mongo.join().expect(joined), brokers.join().expect(joined))
        });
        Self { ranks, mongo, groups, disks, brokers }
    }

    /// Everything that servers wrote, by name.
    pub(crate) fn logs(&self) -> Vec<(String, String)> {
        let mut logs = self.ranks.logs();
        logs.extend((0..self.mongo.len()).map(|at| (format!("mongo-{at}"), self.mongo.log(at))));
        logs.extend(self.brokers.iter().flat_map(Brokers::logs));
        logs
    }
}

/// A file system for one member, with an empty folder in it.
fn mongo_disk(folder: &Path, at: usize) -> Result<SmallDisk, String> {
    let place = folder.join(format!("mongo-{at}"));
    std::fs::create_dir(&place).map_err(|error| error.to_string())?;
    let disk = SmallDisk::mount(&place, MONGO_DISK)?;
    std::fs::create_dir(disk.folder()).map_err(|error| error.to_string())?;
    Ok(disk)
}

/// Memory for one member.
fn mongo_group(folder: &Path, at: usize) -> Result<MemoryGroup, String> {
    let field = folder.file_name().unwrap_or_default().to_string_lossy();
    MemoryGroup::make(&format!("{}-{field}-{at}", crate::alone::mark()))
}

impl Field {
    /// Starts all of it and waits until it is ready.
    ///
    /// # Panics
    /// When a part of it does not start.
    pub(crate) fn start(profile: Profile, binary: &Path, options: &Options) -> Self {
        let folder = tempfile::Builder::new().prefix("hiscore-chaos-").tempdir().expect("a folder");
        let none = || "this profile has none".to_owned();
        let (disk, zones) = match profile {
            Profile::Embedded => (SmallDisk::mount(folder.path(), DISK), Err(none())),
            _ => (Err(none()), Zones::make()),
        };
        let place = |at: usize| match &zones {
            Ok(zones) => (zones.host(at), zones.talk(at)),
            Err(_) => (Host::here(), Ipv4Addr::LOCALHOST),
        };
        let hosts = std::array::from_fn(|at| place(at).0);
        let servers = match profile {
            Profile::Embedded => None,
            _ => Some(Servers::start(profile, &hosts, folder.path(), options.brokers)),
        };
        let arguments = match &servers {
            None => embedded(&folder.path().join("data")),
            Some(servers) => remote(servers),
        };
        let with_roles = |roles: &str| {
            let mut all = arguments.clone();
            if profile != Profile::Embedded {
                all.extend(["--role".to_owned(), roles.to_owned()]);
            }
            all
        };
        let first = options.old.as_deref().unwrap_or(binary);
        let of = |(at, process): (usize, &(&'static str, &'static str))| {
            // One of each pair in the zone of each Redis.
            let (host, ip) = place(at % 2);
            Ours::new(*process, first, host, ip, &with_roles(process.1))
        };
        let ours: Vec<Ours> = profile.processes().iter().enumerate().map(of).collect();
        ours.iter().for_each(|one| one.start(0));
        ours.iter().for_each(Ours::await_ready);
        servers.iter().filter_map(|servers| servers.brokers.as_ref()).for_each(Brokers::settle);
        let takes = |one: &&Ours| matches!(one.roles, "all" | "ingest");
        let links = ours.iter().filter(takes).map(|one| Proxy::start(one.address)).collect();
        Self { profile, binary: binary.to_owned(), links, ours, servers, zones, disk, _folder: folder }
    }

    /// Where the games send what they submit.
    pub(crate) fn routes(&self) -> Vec<SocketAddr> {
        self.links.iter().map(Proxy::address).collect()
    }

    /// Those that show boards.
    pub(crate) fn readers(&self) -> impl Iterator<Item = &Ours> {
        self.ours.iter().filter(|one| one.roles == "all" || one.roles.contains("scoreboard"))
    }

    /// The servers.
    ///
    /// # Panics
    /// In the embedded profile.
    pub(crate) fn servers(&self) -> &Servers {
        self.servers.as_ref().expect("a fault of a server that this profile has")
    }
}

fn owned(arguments: &[[&str; 2]]) -> Vec<String> {
    arguments.iter().flatten().map(|&argument| argument.to_owned()).collect()
}

/// Small segments and short rounds, so that faults fall on rotations and rounds of the funnel too.
fn embedded(data: &Path) -> Vec<String> {
    owned(&[
        ["--data-dir", &data.to_string_lossy()],
        ["--journal-segment", "256KiB"],
        ["--journal-limit", "4MiB"],
        ["--flush-interval", "100ms"],
        ["--cache", "4MiB"],
        ["--shards", &SHARDS.to_string()],
        ["--window", &WINDOW.to_string()],
        ["--ack-timeout", "3s"],
    ])
}

fn remote(servers: &Servers) -> Vec<String> {
    let mut arguments = owned(&[
        ["--redis-url", &servers.ranks.url()],
        ["--mongodb-url", &servers.mongo.url()],
        ["--shards", &SHARDS.to_string()],
        ["--window", &WINDOW.to_string()],
        ["--lease-time", &format!("{LEASE}ms")],
        ["--flush-interval", "100ms"],
        ["--ack-timeout", "3s"],
        ["--mongodb-timeout", "2s"],
    ]);
    // The addresses of zones are nobody else's.
    arguments.push("--insecure-no-auth".to_owned());
    if let Some(brokers) = &servers.brokers {
        arguments.extend(["--log-url".to_owned(), brokers.url()]);
    }
    arguments
}
