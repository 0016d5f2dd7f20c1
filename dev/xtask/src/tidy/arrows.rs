//! Which crate may use which: the picture of the architecture, checked against the manifests.
//!
//! Only what a crate is built with counts; its tests may use more.

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::Finding;
use super::tree::{File, Tree};

const TYPES: &str = "mobius-types";
const ENGINE: &str = "mobius-engine";
const STORE: &str = "mobius-store";
const TRIGGERS: &str = "mobius-triggers";
const API: &str = "mobius-api";
const SCHEDULER: &str = "mobius-scheduler";
const SDK: &str = "mobius-worker-sdk";
const RUNTIME: &str = "mobius-worker-runtime";
const POSTGRES: &str = "mobius-private-postgres";

/// Each crate, and which of ours it may be built with.
const ARROWS: &[(&str, &[&str])] = &[
    (TYPES, &[]),
    (ENGINE, &[TYPES]),
    (STORE, &[TYPES, ENGINE]),
    (TRIGGERS, &[TYPES, ENGINE, STORE]),
    (API, &[TYPES, ENGINE, STORE, TRIGGERS, SDK, RUNTIME]),
    (SCHEDULER, &[TYPES, ENGINE, STORE, TRIGGERS, SDK, RUNTIME]),
    (SDK, &[TYPES]),
    (RUNTIME, &[TYPES, SDK]),
    (POSTGRES, &[]),
    (
        "mobius",
        &[
            TYPES, ENGINE, STORE, TRIGGERS, API, SCHEDULER, SDK, RUNTIME, POSTGRES,
        ],
    ),
];

/// Libraries that tie a crate to a layer, and who may be built with them beside what is in `dev/`.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("axum", &[API]),
    ("sqlx", &[STORE]),
    (
        "tokio",
        &[
            STORE, TRIGGERS, API, SCHEDULER, SDK, RUNTIME, POSTGRES, "mobius",
        ],
    ),
];

/// A member of the workspace.
struct Member<'a> {
    manifest: &'a File,
    /// From the root of the workspace.
    dir: &'a str,
    name: String,
    /// What it is built with; optional dependencies are marked.
    dependencies: Vec<(String, bool)>,
}

pub(super) fn check(tree: &Tree) -> Result<Vec<Finding>> {
    let members = members(tree)?;
    Ok(members
        .iter()
        .flat_map(|member| misplaced(member, &members))
        .collect())
}

fn members(tree: &Tree) -> Result<Vec<Member<'_>>> {
    let root = tree.get("Cargo.toml").context("there is no Cargo.toml")?;
    let parsed: Table = root.text.parse().context("reading Cargo.toml")?;
    let listed = parsed
        .get("workspace")
        .and_then(|workspace| workspace.get("members"));
    let listed = listed
        .and_then(Value::as_array)
        .context("the workspace lists no members")?;
    listed
        .iter()
        .filter_map(Value::as_str)
        .map(|dir| member(tree, dir))
        .collect()
}

fn member<'a>(tree: &'a Tree, dir: &str) -> Result<Member<'a>> {
    let path = format!("{dir}/Cargo.toml");
    let manifest = tree
        .get(&path)
        .with_context(|| format!("there is no {path}"))?;
    let parsed: Table = manifest
        .text
        .parse()
        .with_context(|| format!("reading {path}"))?;
    let name = parsed
        .get("package")
        .and_then(|package| package.get("name"));
    let name = name
        .and_then(Value::as_str)
        .with_context(|| format!("{path} has no name"))?;
    let sections = ["dependencies", "build-dependencies"];
    let sections = sections
        .iter()
        .filter_map(|section| parsed.get(*section)?.as_table());
    let dependencies = sections
        .flatten()
        .map(|(name, value)| {
            (
                name.clone(),
                value.get("optional") == Some(&Value::Boolean(true)),
            )
        })
        .collect();
    let dir = manifest.path.trim_end_matches("/Cargo.toml");
    Ok(Member {
        manifest,
        dir,
        name: name.to_owned(),
        dependencies,
    })
}

fn misplaced(member: &Member<'_>, members: &[Member<'_>]) -> Vec<Finding> {
    // What only we need may use everything.
    if member.dir.starts_with("dev/") {
        return Vec::new();
    }
    let is_example = member.dir.starts_with("examples/");
    let arrows = ARROWS
        .iter()
        .find(|(name, _)| *name == member.name)
        .map(|(_, to)| *to);
    let Some(allowed) = arrows.or(is_example.then_some(&[SDK])) else {
        let message = "this crate is not in the picture: add it in dev/xtask/src/tidy/arrows.rs";
        return vec![Finding::new(&member.manifest.path, 1, message)];
    };
    let mut found = Vec::new();
    for (dependency, optional) in &member.dependencies {
        let ours = members.iter().find(|other| other.name == *dependency);
        let refused = match ours {
            // The executable carries the examples.
            Some(other) if other.dir.starts_with("examples/") => member.name != "mobius",
            Some(_) => !allowed.contains(&dependency.as_str()),
            None => library_refused(member, dependency, *optional, is_example),
        };
        if refused {
            let message = format!("{} must not depend on {dependency}", member.name);
            found.push(Finding::new(
                &member.manifest.path,
                line_of(member, dependency),
                message,
            ));
        }
    }
    found
}

fn library_refused(member: &Member<'_>, library: &str, optional: bool, is_example: bool) -> bool {
    // The contract's types can be columns of the store, behind a feature.
    let as_columns = member.name == TYPES && library == "sqlx" && optional;
    let for_workers = is_example && library == "tokio";
    let bound = LIBRARIES.iter().find(|(name, _)| *name == library);
    let users = bound.map(|(_, users)| *users);
    let outsider = users.is_some_and(|users| !users.contains(&member.name.as_str()));
    outsider && !as_columns && !for_workers
}

fn line_of(member: &Member<'_>, dependency: &str) -> usize {
    let names = |line: &str| {
        line.strip_prefix(dependency)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    member
        .manifest
        .text
        .lines()
        .position(names)
        .map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(members: &[(&str, &str, &str)]) -> Vec<String> {
        let dirs: Vec<_> = members
            .iter()
            .map(|(dir, _, _)| format!("\"{dir}\""))
            .collect();
        let root = format!("[workspace]\nmembers = [{}]\n", dirs.join(", "));
        let manifests: Vec<_> = members
            .iter()
            .map(|(dir, name, dependencies)| {
                let text = format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}");
                (format!("{dir}/Cargo.toml"), text)
            })
            .collect();
        let mut files = vec![("Cargo.toml", root.as_str())];
        files.extend(
            manifests
                .iter()
                .map(|(path, text)| (path.as_str(), text.as_str())),
        );
        check(&Tree::of(&files))
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    const STORE_MEMBER: (&str, &str, &str) = ("store", "mobius-store", "sqlx.workspace = true\n");

    #[test]
    fn arrows_point_down_only() {
        let down = ("api", "mobius-api", "mobius-store.workspace = true\n");
        assert_eq!(found(&[STORE_MEMBER, down]), [""; 0]);
        let up = (
            "worker-sdk",
            "mobius-worker-sdk",
            "mobius-store.workspace = true\n",
        );
        let expected = "worker-sdk/Cargo.toml:4: mobius-worker-sdk must not depend on mobius-store";
        assert_eq!(found(&[STORE_MEMBER, up]), [expected]);
    }

    #[test]
    fn the_control_plane_and_its_loops_do_not_know_each_other() {
        let api = ("api", "mobius-api", "mobius-scheduler.workspace = true\n");
        let scheduler = (
            "scheduler",
            "mobius-scheduler",
            "mobius-api.workspace = true\n",
        );
        assert_eq!(found(&[api, scheduler]).len(), 2);
    }

    #[test]
    fn the_types_have_the_database_only_behind_a_feature() {
        let with = |dependency| found(&[("types", "mobius-types", dependency)]);
        assert_eq!(
            with("sqlx = { workspace = true, optional = true }\n"),
            [""; 0]
        );
        assert_eq!(with("sqlx.workspace = true\n").len(), 1);
        assert_eq!(
            with("tokio = { workspace = true, optional = true }\n").len(),
            1
        );
    }

    #[test]
    fn examples_see_what_a_worker_author_sees() {
        let sdk = ("worker-sdk", "mobius-worker-sdk", "");
        let example = (
            "examples/a",
            "a",
            "mobius-worker-sdk = { workspace = true }\ntokio = \"1\"\n",
        );
        let executable = ("cli", "mobius", "a.workspace = true\n");
        assert_eq!(found(&[sdk, example, executable]), [""; 0]);
        let curious = ("examples/b", "b", "mobius-store.workspace = true\n");
        assert_eq!(found(&[STORE_MEMBER, curious]).len(), 1);
    }

    #[test]
    fn a_crate_that_is_in_no_layer_is_found_and_what_only_we_need_is_free() {
        let unknown = ("common", "mobius-common", "");
        let ours = (
            "dev/bench",
            "bench",
            "mobius-store.workspace = true\naxum = \"1\"\n",
        );
        assert_eq!(found(&[STORE_MEMBER, unknown, ours]).len(), 1);
    }
}
