//! Settings that can't be used stop the start with one line that names them.

use crate::harness::{Process, mobius};

/// How `mobius server` refuses these settings. There is nobody at the database's address, and
/// nothing gets so far as to find out.
async fn refusal(settings: &[(&str, &str)]) -> String {
    let mut command = mobius(&["server"]);
    command.env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing");
    command.env("MOBIUS_LISTEN", "127.0.0.1:0");
    command.envs(settings.iter().copied());
    Process::run(command).await.refused()
}

#[tokio::test]
async fn an_unknown_variable_is_named() {
    let line = refusal(&[("MOBIUS_LISTENN", "127.0.0.1:1")]).await;
    assert!(line.contains("MOBIUS_LISTENN"), "{line}");
}

#[tokio::test]
async fn a_malformed_value_is_named_with_its_variable() {
    for (name, value) in [
        ("MOBIUS_LEASE_SECONDS", "soon"),
        ("MOBIUS_LEASE_SECONDS", "1"),
        ("MOBIUS_LEASE_SECONDS", ""),
        ("MOBIUS_LISTEN", "nowhere"),
        ("MOBIUS_ROLES", "api,everything"),
        ("MOBIUS_MAX_CONNECTIONS", "1"),
        ("MOBIUS_MAX_STATE_BYTES", "-1"),
        ("MOBIUS_NO_MIGRATE", "perhaps"),
        ("MOBIUS_LOG", "mobius=loud"),
        ("MOBIUS_LOG_FORMAT", "xml"),
        ("DATABASE_URL", "nonsense"),
        ("DATABASE_URL", "mysql://localhost/mobius"),
    ] {
        let line = refusal(&[(name, value)]).await;
        assert!(line.contains(name), "{name}={value}: {line}");
    }
}

const LEASE_AS_LONG_AS_HEARTBEAT: [(&str, &str); 2] = [
    ("MOBIUS_LEASE_SECONDS", "5"),
    ("MOBIUS_HEARTBEAT_SECONDS", "5"),
];

#[tokio::test]
async fn a_lease_that_ends_before_its_heartbeat_is_refused() {
    let mut dev = mobius(&["dev"]);
    dev.envs(LEASE_AS_LONG_AS_HEARTBEAT);
    for line in [
        Process::run(dev).await.refused(),
        refusal(&LEASE_AS_LONG_AS_HEARTBEAT).await,
    ] {
        for name in ["MOBIUS_LEASE_SECONDS (5)", "MOBIUS_HEARTBEAT_SECONDS (5)"] {
            assert!(line.contains(name), "{line}");
        }
    }
}

#[tokio::test]
async fn a_switch_takes_the_usual_words_for_yes_and_no() {
    for word in ["1", "true", "yes", "on", "0", "false", "no", "off"] {
        // A start that is refused for another reason has taken the word.
        let [lease, heartbeat] = LEASE_AS_LONG_AS_HEARTBEAT;
        let line = refusal(&[("MOBIUS_NO_MIGRATE", word), lease, heartbeat]).await;
        assert!(line.contains("MOBIUS_LEASE_SECONDS (5)"), "{word}: {line}");
    }
}
