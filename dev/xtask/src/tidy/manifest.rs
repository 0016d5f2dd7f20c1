//! Every dependency of the workspace says what it is for.

use super::Finding;
use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(manifest) = tree.get("Cargo.toml") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut inside = false;
    let mut commented = false;
    for (index, line) in manifest.text.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.trim() == "[workspace.dependencies]";
        } else if inside
            && let Some((name, value)) = line.split_once(" = ")
            && !value.contains("path = ")
            && !commented
            && !value.contains('#')
        {
            let message = format!("{name} has no comment: say in the line before what it is for");
            found.push(Finding::new(&manifest.path, index + 1, message));
        }
        commented = line.starts_with('#');
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_comment_of_its_own_is_found() {
        let text = "[workspace]\nresolver = \"3\"\n\
                    [workspace.dependencies]\n\
                    ours = { path = \"ours\" }\n\
                    # Errors.\n\
                    anyhow = \"1\"\n\
                    serde = \"1\"\n\
                    tokio = \"1\" # The runtime.\n\
                    [profile.dev]\ndebug = 1\n";
        let found = check(&Tree::of(&[("Cargo.toml", text)]));
        assert_eq!(
            found.iter().map(|finding| finding.line).collect::<Vec<_>>(),
            [7]
        );
    }
}
