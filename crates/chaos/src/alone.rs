//! Namespaces of its own for all that is run: a network that reaches nothing, and processes and mounts that end with it.
//!
//! The program begins again twice. First as the keeper, the first process of a process namespace; it starts the one that does the
//! work, and waits for it. However that one ends, by Ctrl-C too, the keeper then kills what is left, removes its
//! files, and ends, whereupon nothing of it is there any more.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use hiscore_faults::MemoryGroup;
use rustix::process::{Pid, Signal, kill_process};

use crate::zones::{prepare, run};

/// What this process is: the keeper, or the one that does the work.
const ALONE: &str = "HISCORE_CHAOS_ALONE";
/// What is asked for: the process namespace's own view of processes is needed to find their network namespaces.
const UNSHARE: [&str; 5] = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// Whether this process has namespaces of its own.
pub(crate) fn is_alone() -> bool {
    std::env::var_os(ALONE).is_some()
}

/// What the names of all that is left outside of the namespaces begin with: no other run has it.
pub(crate) fn mark() -> String {
    if !is_alone() {
        return format!("hiscore-chaos-{}", std::process::id());
    }
    std::env::temp_dir().file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Begins again in namespaces of its own. Comes back where that is done, or with the end of it all.
///
/// # Errors
/// Why this machine does not let us.
pub(crate) fn alone() -> Result<Option<ExitCode>, String> {
    match std::env::var(ALONE).as_deref() {
        Ok("keeper") => keep().map(Some),
        Ok(_) => prepare().map(|()| None),
        Err(_) => {
            run("unshare", &[&UNSHARE[..], &["ip", "link", "set", "lo", "up"]].concat())?;
            let failed = again("unshare", &UNSHARE, "keeper")?.exec();
            Err(format!("unshare: {failed}"))
        }
    }
}

/// This program with its arguments, run by another.
fn again(by: &str, arguments: &[&str], what: &str) -> Result<Command, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(by);
    let own: Vec<OsString> = std::env::args_os().skip(1).collect();
    command.args(arguments).arg(this).args(own).env(ALONE, what);
    Ok(command)
}

fn keep() -> Result<ExitCode, String> {
    let folder =
        tempfile::Builder::new().prefix("hiscore-chaos-").tempdir().map_err(|error| error.to_string())?;
    // Not replaced by it: what it leaves is this one's to clear up.
    let ended = again("/usr/bin/env", &["--"], "yes")?.env("TMPDIR", folder.path()).status();
    for id in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = id.file_name().to_str().and_then(|id| id.parse().ok()).filter(|id| *id > 1);
        // It may just have ended.
        let _ = id.and_then(Pid::from_raw).map(|id| kill_process(id, Signal::KILL));
    }
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    points.filter(|point| Path::new(point).starts_with(folder.path())).for_each(|point| {
        drop(run("umount", &["--lazy", point]));
    });
    if let Some(mark) = folder.path().file_name() {
        MemoryGroup::remove_left(&mark.to_string_lossy());
    }
    drop(folder);
    let code = ended.map_err(|error| error.to_string())?.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(130)))
}
