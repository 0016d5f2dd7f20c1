//! What processes use, as the kernel counts it in `/proc`; so the bench needs Linux.

use std::{collections::HashMap, fs};

use anyhow::Context;

/// The kernel's ticks in a second, as it shows them to every program.
const TICKS: f64 = 100.0;

/// The CPU time of a process, in seconds.
#[derive(Debug, Clone, Copy)]
struct Process {
    parent: u32,
    own: f64,
    /// Of its children that have ended and were waited for.
    ended_children: f64,
}

/// All processes at one moment.
pub(crate) struct Processes(HashMap<u32, Process>);

impl Processes {
    /// Reads them. What ends meanwhile is left out; its parent has its time then.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let entries = fs::read_dir("/proc").context("the bench needs Linux and its /proc")?;
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        Ok(Self(
            pids.filter_map(|pid| Some((pid, process(pid)?))).collect(),
        ))
    }

    /// CPU seconds of a process and all its descendants, including those that have ended.
    pub(crate) fn seconds_of_tree(&self, root: u32) -> f64 {
        let Some(process) = self.0.get(&root) else {
            return 0.0;
        };
        let children = self.0.iter().filter(|(_, child)| child.parent == root);
        let living: f64 = children.map(|(pid, _)| self.seconds_of_tree(*pid)).sum();
        process.own + process.ended_children + living
    }

    /// CPU seconds of a process alone.
    pub(crate) fn seconds_of(&self, pid: u32) -> f64 {
        self.0.get(&pid).map_or(0.0, |process| process.own)
    }

    /// The parent of a process.
    pub(crate) fn parent(&self, pid: u32) -> Option<u32> {
        self.0.get(&pid).map(|process| process.parent)
    }
}

fn process(pid: u32) -> Option<Process> {
    parse_process(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name of the command stands in parentheses and may hold anything, so the fields are counted
/// from the last one.
fn parse_process(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let seconds = |index: usize| Some(fields.get(index)?.parse::<f64>().ok()? / TICKS);
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        own: seconds(11)? + seconds(12)?,
        ended_children: seconds(13)? + seconds(14)?,
    })
}

/// CPU seconds that this machine was busy for anybody, since it was started. What a hypervisor
/// took away counts: nobody here could use it.
pub(crate) fn machine_seconds() -> anyhow::Result<f64> {
    let stat = fs::read_to_string("/proc/stat").context("reading /proc/stat")?;
    parse_machine(&stat).context("/proc/stat is not what was expected")
}

fn parse_machine(stat: &str) -> Option<f64> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Result<Vec<f64>, _> = line.split_whitespace().map(str::parse).collect();
    let ticks = ticks.ok()?;
    // user, nice, system, idle, waiting for the disk, interrupts (hard and soft), stolen.
    let busy = [0, 1, 2, 5, 6, 7].map(|index| ticks.get(index).copied().unwrap_or(0.0));
    Some(busy.iter().sum::<f64>() / TICKS)
}

/// The memory of a process that is in use, in MB of a million bytes.
pub(crate) fn resident_megabytes(pid: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: f64 = line
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .context("a process without VmRSS")?;
    Ok(kibibytes * 1024.0 / 1e6)
}

/// Takes as many open files as this process may have: ten thousand polls are as many sockets.
pub(crate) fn allow_open_files() -> anyhow::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = Rlimit {
        current: maximum,
        maximum,
    };
    setrlimit(Resource::Nofile, limit).context("raising the limit of open files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_may_have_any_name() {
        let stat = "42 (a) b) c) S 7 42 42 0 -1 4194560 1 2 3 4 150 50 300 100 20 0 1 0";
        let process = parse_process(stat).unwrap();
        assert_eq!(
            (process.parent, process.own, process.ended_children),
            (7, 2.0, 4.0)
        );
    }

    #[test]
    fn idle_and_disk_time_is_not_busy() {
        let stat = "cpu  100 200 300 9999 9999 100 100 200 50 50\ncpu0 1 2 3\n";
        assert_eq!(parse_machine(stat), Some(10.0));
    }

    #[test]
    fn a_tree_counts_the_living_and_the_dead() {
        let process = |parent, own, ended_children| Process {
            parent,
            own,
            ended_children,
        };
        let all = [
            (1, process(0, 1.0, 9.0)),
            (2, process(1, 2.0, 0.0)),
            (3, process(2, 4.0, 0.5)),
            (4, process(0, 100.0, 0.0)),
        ];
        let processes = Processes(HashMap::from(all));
        assert_eq!(processes.seconds_of_tree(1), 16.5);
        assert_eq!(processes.seconds_of(2), 2.0);
        assert_eq!(processes.parent(3), Some(2));
    }
}
