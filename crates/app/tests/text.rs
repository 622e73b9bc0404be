//! English stands in `text/`, and in the tables of commands, settings and presets: nowhere else.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::path::Path;

/// The tables, where each line has a name beside what it says, and what an operating system calls its settings.
const APART: [&str; 4] = ["command.rs", "settings.rs", "presets.rs", "native/still.rs"];

/// What stands between quotes in a source, without comments, attributes and tests.
fn literals(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]").next().unwrap_or_default();
    let skipped = |line: &str| line.trim_start().starts_with(['#', '/']) || line.contains("f.debug_struct");
    let lines = source.lines().filter(|line| !skipped(line));
    let (mut found, mut open) = (Vec::new(), None::<String>);
    let code: Vec<char> = lines.flat_map(|line| line.chars().chain(['\n'])).collect();
    let mut i = 0;
    while i < code.len() {
        match (code[i], &mut open) {
            ('\\', Some(literal)) => {
                literal.push(' ');
                i += 1;
            }
            ('"', Some(_)) => found.extend(open.take()),
            ('"', None) => open = Some(String::new()),
            (letter, Some(literal)) => literal.push(letter),
            _ => {}
        }
        i += 1;
    }
    found
}

/// Whether a person reads this: two words or more, or one that begins with a capital. Names in braces are code.
fn is_english(literal: &str) -> bool {
    let outside: String = literal.split('{').map(|part| part.rsplit('}').next().unwrap_or_default()).collect();
    let words = outside.split_whitespace().filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 1);
    let plain = !outside.contains(['/', '\\', '=', '_']);
    let capital = outside.starts_with(char::is_uppercase) && outside.chars().any(char::is_lowercase);
    plain && (words.count() > 1 || capital)
}

fn look(sources: &Path, folder: &str, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(sources.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{folder}{}", entry.file_name().to_str().unwrap());
        if entry.path().is_dir() {
            if name != "text" {
                look(sources, &format!("{name}/"), found);
            }
        } else if name.ends_with(".rs") && !name.ends_with("_tests.rs") && !APART.contains(&name.as_str()) {
            let source = std::fs::read_to_string(entry.path()).unwrap();
            let english = literals(&source).into_iter().filter(|literal| is_english(literal));
            found.extend(english.map(|literal| format!("{name}: {literal:?}")));
        }
    }
}

#[test]
fn english_is_told_from_names() {
    for english in ["Close", "no such side", "{name}: it is damaged", "as of step {}"] {
        assert!(is_english(english), "{english}");
    }
    for name in ["rho", "metrics.csv", "{label} {name}", "x ", "mlp:{}", "test-accuracy", "LINK", "{:.2} s"] {
        assert!(!is_english(name), "{name}");
    }
    assert_eq!(literals("f(\"a\\\"b\", 'c');\n// \"d\"\ng(\"e\")"), ["a b", "e"]);
}

#[test]
fn english_stands_in_one_place() {
    let mut found = Vec::new();
    look(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut found);
    assert!(found.is_empty(), "move into text/:\n{}", found.join("\n"));
}
