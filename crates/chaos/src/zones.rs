//! Three zones of a deployment, each a network namespace with a link of its own to the others, which can be cut.
//!
//! All of it happens inside the namespaces that [`crate::alone`] begins again in, so nothing of it touches, or ever reaches, the
//! network that the machine has. A zone has two links: `data`, by which its servers and
//! processes reach those of other zones, and `talk`, by which the games reach it; that one is never cut, so that players can be cut off
//! together with a zone.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use hiscore_faults::servers::Host;
use hiscore_faults::wait::until;

/// How many there are.
pub(crate) const ZONES: usize = 3;
/// What a link lets through that is slow.
const SLOW: [&str; 6] = ["rate", "4mbit", "burst", "16kb", "latency", "100ms"];
/// For a namespace to be there.
const PATIENCE: Duration = Duration::from_secs(10);

/// The zones of one deployment. They are gone when it is dropped and all that ran in them has ended.
#[derive(Debug)]
pub(crate) struct Zones(Vec<Zone>);

#[derive(Debug)]
struct Zone {
    /// Keeps the namespace; ends by itself when this program does.
    holder: Child,
    /// The outer ends of both links.
    outer: [String; 2],
    data: Ipv4Addr,
    talk: Ipv4Addr,
}

/// Makes what zones are linked by; once.
///
/// # Errors
/// Why this machine does not let us.
pub(crate) fn prepare() -> Result<(), String> {
    run("ip", &["link", "set", "lo", "up"])?;
    for (name, address) in [("data", "198.18.255.254/16"), ("talk", "198.19.255.254/16")] {
        run("ip", &["link", "add", name, "type", "bridge"])?;
        run("ip", &["addr", "add", address, "dev", name])?;
        run("ip", &["link", "set", name, "up"])?;
    }
    Ok(())
}

impl Zones {
    /// Makes them. The error says why this machine does not let us.
    pub(crate) fn make() -> Result<Self, String> {
        if !crate::alone::is_alone() {
            return Err("not in a network namespace of its own".to_owned());
        }
        static MADE: AtomicU8 = AtomicU8::new(1);
        let nth = MADE.fetch_add(1, Ordering::Relaxed);
        (0..ZONES).map(|at| Zone::make(nth, at as u8 + 1)).collect::<Result<_, _>>().map(Self)
    }

    /// Where the servers of a zone run.
    pub(crate) fn host(&self, zone: usize) -> Host {
        Host::within(self.0[zone].namespace(), self.0[zone].data)
    }

    /// Where the games reach it.
    pub(crate) fn talk(&self, zone: usize) -> Ipv4Addr {
        self.0[zone].talk
    }

    /// Takes its link to the others down.
    pub(crate) fn cut(&self, zone: usize) {
        must(run("ip", &["link", "set", &self.0[zone].outer[0], "down"]));
    }

    /// Puts it up again.
    pub(crate) fn join(&self, zone: usize) {
        must(run("ip", &["link", "set", &self.0[zone].outer[0], "up"]));
    }

    /// Drops all that comes to, or from, these ports across the border of a zone: the rest goes on.
    pub(crate) fn split(&self, zone: usize, ports: &[u16]) {
        let zone = &self.0[zone];
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        let (own, ports) = (zone.data, ports.join(", "));
        let chain = |hook: &str, other: &str| {
            let drop = |which: &str| format!("ip {other} != {own} tcp {which} {{ {ports} }} drop;");
            format!(
                "chain {hook} {{ type filter hook {hook} priority 0; {} {} }}",
                drop("dport"),
                drop("sport")
            )
        };
        let rules =
            format!("table ip split {{ {}; {}; }}", chain("output", "daddr"), chain("input", "saddr"));
        must(zone.run("nft", &[&rules]));
    }

    /// Undoes that.
    pub(crate) fn unite(&self, zone: usize) {
        must(self.0[zone].run("nft", &["delete table ip split"]));
    }

    /// Makes all links narrow.
    pub(crate) fn slow(&self) {
        for zone in &self.0 {
            let mut arguments = vec!["qdisc", "add", "dev", "data", "root", "tbf"];
            arguments.extend(SLOW);
            must(zone.run("tc", &arguments));
        }
    }

    /// Undoes that.
    pub(crate) fn quicken(&self) {
        self.0.iter().for_each(|zone| must(zone.run("tc", &["qdisc", "del", "dev", "data", "root"])));
    }
}

impl Zone {
    fn make(nth: u8, at: u8) -> Result<Self, String> {
        // It reads until this program ends, however that happens.
        let holder = Command::new("unshare")
            .args(["--net", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|error| format!("unshare: {error}"))?;
        let names = ["d", "t"].map(|link| format!("{link}{nth}-{at}"));
        let zone = Self {
            outer: names,
            data: Ipv4Addr::new(198, 18, nth, at),
            talk: Ipv4Addr::new(198, 19, nth, at),
            holder,
        };
        let of = |path: &Path| std::fs::read_link(path).ok();
        let ours = of(Path::new("/proc/self/ns/net"));
        until("a network namespace", PATIENCE, || {
            of(&zone.namespace()).filter(|theirs| Some(theirs) != ours.as_ref()).map(|_| ())
        });
        let id = zone.holder.id().to_string();
        zone.run("ip", &["link", "set", "lo", "up"])?;
        for (outer, inner, address) in
            [(&zone.outer[0], "data", zone.data), (&zone.outer[1], "talk", zone.talk)]
        {
            run("ip", &["link", "add", outer, "type", "veth", "peer", "name", inner, "netns", &id])?;
            run("ip", &["link", "set", outer, "master", inner, "up"])?;
            zone.run("ip", &["addr", "add", &format!("{address}/16"), "dev", inner])?;
            zone.run("ip", &["link", "set", inner, "up"])?;
        }
        Ok(zone)
    }

    fn namespace(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/ns/net", self.holder.id()))
    }

    /// Runs a command inside.
    fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let net = format!("--net={}", self.namespace().display());
        let all: Vec<&str> =
            [net.as_str(), "--", program].into_iter().chain(arguments.iter().copied()).collect();
        run("nsenter", &all)
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        drop(self.holder.kill());
        drop(self.holder.wait());
    }
}

/// Runs a command to its end; what it complains of if it fails.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

fn must(done: Result<(), String>) {
    if let Err(why) = done {
        panic!("{why}");
    }
}
