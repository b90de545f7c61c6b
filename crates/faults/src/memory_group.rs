//! Memory that really runs out: a cgroup of a test's own, in which the kernel kills whoever wants more, of version 1 or 2.
#![allow(clippy::expect_used, clippy::panic, reason = "a test may fail by panicking")]

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::wait::pause;

/// What is taken away at once where the kernel does not take all of it: enough to be done soon, little enough not to be refused.
const STEP: u64 = 256 << 10;
/// How often it is tried to remove one; its last process may just be on its way out.
const TRIES: usize = 400;

/// What the files of a version are called.
#[derive(Debug, Clone, Copy)]
struct Files {
    limit: &'static str,
    no_limit: &'static str,
    used: &'static str,
    events: &'static str,
    /// The file that keeps its memory from being swapped out instead, and what is written to it.
    unswapped: &'static str,
}

const FIRST: Files = Files {
    limit: "memory.limit_in_bytes",
    no_limit: "-1",
    used: "memory.usage_in_bytes",
    events: "memory.oom_control",
    unswapped: "memory.swappiness",
};
const SECOND: Files = Files {
    limit: "memory.max",
    no_limit: "max",
    used: "memory.current",
    events: "memory.events",
    unswapped: "memory.swap.max",
};

/// A group without processes and without a limit, to begin with; gone when dropped after those that ran in it.
#[derive(Debug)]
pub struct MemoryGroup {
    path: PathBuf,
    files: Files,
}

impl MemoryGroup {
    /// Makes one of this name. The error says why that is not possible here.
    pub fn make(name: &str) -> Result<Self, String> {
        let mut why = "no memory controller is mounted".to_owned();
        for (parent, files) in parents() {
            let group = Self { path: parent.join(name), files };
            match group.create(&parent) {
                Ok(()) => return Ok(group),
                Err(error) => why = format!("{}: {error}", parent.display()),
            }
        }
        Err(format!(
            "no memory cgroup can be made (it takes root, and a controller that is not read-only): {why}"
        ))
    }

    fn create(&self, parent: &Path) -> std::io::Result<()> {
        fs::create_dir(&self.path)?;
        let limits = || self.file(self.files.limit).exists();
        if !limits() {
            // Version 2: what children have is their parent's choice, and one that has processes itself may not give it.
            fs::write(parent.join("cgroup.subtree_control"), "+memory")?;
        }
        if !limits() {
            return Err(std::io::Error::other("its children have no limit of memory"));
        }
        // Without swap there is no such file, and nothing to keep it from.
        drop(fs::write(self.file(self.files.unswapped), "0"));
        Ok(())
    }

    /// Removes those that somebody left behind whose names begin like this.
    pub fn remove_left(prefix: &str) {
        for (parent, files) in parents() {
            let names = fs::read_dir(&parent).into_iter().flatten().flatten().map(|entry| entry.path());
            let left = names.filter(|path| path.file_name().is_some_and(|name| starts(name, prefix)));
            left.for_each(|path| drop(Self { path, files }));
        }
    }

    /// Who writes its process id to this file is in it, and so are the processes that it starts.
    pub fn processes(&self) -> PathBuf {
        self.file("cgroup.procs")
    }

    /// Lowers the limit to less than is in use. Version 2 then kills at once; version 1 takes what can be had, and kills when one
    /// of its processes next wants more: to be called again and again until [`MemoryGroup::killed`] says so.
    ///
    /// # Panics
    /// When the limit cannot be set.
    pub fn squeeze(&self) {
        let less = self.number(self.files.used).saturating_sub(STEP);
        match fs::write(self.file(self.files.limit), less.to_string()) {
            Ok(()) => {}
            // Nothing more can be had now.
            Err(error) if matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::Interrupted) => {}
            Err(error) => panic!("{}: {error}", self.file(self.files.limit).display()),
        }
    }

    /// Takes the limit away.
    ///
    /// # Panics
    /// When it cannot be.
    pub fn release(&self) {
        fs::write(self.file(self.files.limit), self.files.no_limit).expect("a limit can be taken away");
    }

    /// How many of its processes the kernel has killed for memory.
    ///
    /// # Panics
    /// When it does not say.
    pub fn killed(&self) -> u64 {
        let events = fs::read_to_string(self.file(self.files.events)).expect("the events of a cgroup");
        let killed = events.lines().find_map(|line| line.strip_prefix("oom_kill "));
        killed.and_then(|many| many.trim().parse().ok()).expect("a count of kills")
    }

    fn number(&self, file: &str) -> u64 {
        let text = fs::read_to_string(self.file(file)).expect("a file of a cgroup");
        text.trim().parse().expect("a number of bytes")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        for _ in 0..TRIES {
            match fs::remove_dir(&self.path) {
                Err(error) if error.kind() == ErrorKind::ResourceBusy => pause(),
                _ => return,
            }
        }
    }
}

fn starts(name: &std::ffi::OsStr, prefix: &str) -> bool {
    name.to_str().is_some_and(|name| name.starts_with(prefix))
}

/// Where groups can perhaps be made: in the one that this process is in, or in the uppermost that it sees.
fn parents() -> Vec<(PathBuf, Files)> {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut parents = Vec::new();
    for mount in mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>()) {
        let [_, point, kind, options, ..] = mount[..] else { continue };
        let (files, controller) = match kind {
            "cgroup" if options.split(',').any(|option| option == "memory") => (FIRST, "memory"),
            "cgroup2" => (SECOND, ""),
            _ => continue,
        };
        let within = own.lines().find_map(|line| path_in(line, controller)).unwrap_or("/");
        let own = Path::new(point).join(within.trim_start_matches('/'));
        parents.extend(
            [own, PathBuf::from(point)].into_iter().filter(|path| path.is_dir()).map(|path| (path, files)),
        );
    }
    parents.dedup_by(|a, b| a.0 == b.0);
    parents
}

/// The path in a line of `/proc/PID/cgroup`, if that is about this controller; `""`: about version 2.
fn path_in<'a>(line: &'a str, controller: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(':')?;
    let (controllers, path) = rest.split_once(':')?;
    controllers.split(',').any(|one| one == controller).then_some(path)
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::print_stderr,
        reason = "a test may fail by panicking, and a skipped one says so"
    )]

    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    use super::*;
    use crate::servers::Host;
    use crate::wait::until;

    #[test]
    fn what_runs_in_a_group_is_killed_for_memory_and_the_group_goes() {
        let prefix = format!("hiscore-faults-{}-", std::process::id());
        let group = match MemoryGroup::make(&format!("{prefix}1")) {
            Ok(group) => group,
            Err(why) => return eprintln!("\n*** SKIPPED a group that is killed for memory: {why} ***\n"),
        };
        // It keeps what it reads until there is a line.
        let greedy =
            || Host::here().in_group(&group).command(Path::new("/usr/bin/tail")).arg("/dev/zero").spawn();
        let mut child = greedy().unwrap();
        let status = until("a process to be killed for memory", Duration::from_secs(20), || {
            group.squeeze();
            child.try_wait().unwrap()
        });
        assert_eq!((status.signal(), group.killed()), (Some(9), 1));
        group.release();
        let mut child = Host::here().in_group(&group).command(Path::new("/bin/true")).spawn().unwrap();
        assert!(child.wait().unwrap().success() && group.killed() == 1);
        let path = group.path.clone();
        drop(group);
        assert!(!path.exists());
        let left = MemoryGroup::make(&format!("{prefix}2")).unwrap();
        let path = left.path.clone();
        std::mem::forget(left);
        MemoryGroup::remove_left(&prefix);
        assert!(!path.exists());
    }

    #[test]
    fn the_group_of_a_process_is_read() {
        assert_eq!(path_in("4:memory:/a/b", "memory"), Some("/a/b"));
        assert_eq!(path_in("4:cpu,memory:/", "memory"), Some("/"));
        assert_eq!(path_in("0::/user.slice", ""), Some("/user.slice"));
        assert_eq!(path_in("0::/", "memory"), None);
        assert_eq!(path_in("4:memory:/a", ""), None);
    }
}
