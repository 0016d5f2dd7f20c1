//! The id under which a worker process claims, when its author gives none.

use std::{env, fs, process};

/// Host name, process id and a random part: readable for people, and never the same for two
/// processes, not even in two containers that share a host name and count from 1.
pub(crate) fn worker_id() -> String {
    let random: u32 = rand::random();
    format!("{}-{}-{random:08x}", host_name(), process::id())
}

fn host_name() -> String {
    let name = env::var("HOSTNAME")
        .or_else(|_| fs::read_to_string("/proc/sys/kernel/hostname"))
        .unwrap_or_default();
    let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let name: String = name.trim().chars().filter(plain).take(64).collect();
    if name.is_empty() {
        "worker".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ids_of_one_process_differ_and_name_it() {
        let (one, two) = (worker_id(), worker_id());
        assert_ne!(one, two);
        assert!(one.contains(&format!("-{}-", process::id())), "{one}");
    }
}
