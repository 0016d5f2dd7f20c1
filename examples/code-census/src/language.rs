//! Which language a file is written in, judged by its name alone.

use std::path::Path;

/// What stands for all files that no rule knows.
const OTHER: &str = "Other";

/// File extensions and the languages that they stand for.
const EXTENSIONS: &[(&str, &str)] = &[
    ("bash", "Shell"),
    ("c", "C"),
    ("cc", "C++"),
    ("cpp", "C++"),
    ("cs", "C#"),
    ("css", "CSS"),
    ("dart", "Dart"),
    ("ex", "Elixir"),
    ("exs", "Elixir"),
    ("go", "Go"),
    ("h", "C"),
    ("hpp", "C++"),
    ("hs", "Haskell"),
    ("htm", "HTML"),
    ("html", "HTML"),
    ("java", "Java"),
    ("js", "JavaScript"),
    ("json", "JSON"),
    ("jsx", "JavaScript"),
    ("kt", "Kotlin"),
    ("lua", "Lua"),
    ("md", "Markdown"),
    ("mjs", "JavaScript"),
    ("php", "PHP"),
    ("pl", "Perl"),
    ("proto", "Protocol Buffers"),
    ("py", "Python"),
    ("r", "R"),
    ("rb", "Ruby"),
    ("rs", "Rust"),
    ("scala", "Scala"),
    ("scss", "CSS"),
    ("sh", "Shell"),
    ("sql", "SQL"),
    ("svelte", "Svelte"),
    ("swift", "Swift"),
    ("tf", "Terraform"),
    ("toml", "TOML"),
    ("ts", "TypeScript"),
    ("tsx", "TypeScript"),
    ("txt", "Text"),
    ("vue", "Vue"),
    ("xml", "XML"),
    ("yaml", "YAML"),
    ("yml", "YAML"),
    ("zig", "Zig"),
];

/// Files without a telling extension.
const NAMES: &[(&str, &str)] = &[("Dockerfile", "Dockerfile"), ("Makefile", "Makefile")];

/// The language of a file.
pub(crate) fn of(path: &Path) -> &'static str {
    let name = path.file_name().and_then(|name| name.to_str());
    if let Some(language) = name.and_then(|name| find(NAMES, name)) {
        return language;
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    let extension = extension.map(str::to_ascii_lowercase);
    extension
        .and_then(|extension| find(EXTENSIONS, &extension))
        .unwrap_or(OTHER)
}

fn find(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    let row = table.iter().find(|(known, _)| *known == key)?;
    Some(row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_known_by_extension_or_name() {
        for (path, language) in [
            ("src/main.rs", "Rust"),
            ("README.MD", "Markdown"),
            ("deploy/Dockerfile", "Dockerfile"),
            ("a.b.ts", "TypeScript"),
            ("LICENSE", "Other"),
            ("strange.xyz", "Other"),
        ] {
            assert_eq!(of(Path::new(path)), language, "{path}");
        }
    }
}
