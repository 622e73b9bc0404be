//! The names `--data` knows, and help for one that it does not.

use crate::{Error, Result};
use std::path::PathBuf;

/// Where a data set comes from, read off the name that `--data` was given.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Points(super::points::Kind),
    Sample,
    Mnist,
    FashionMnist,
    Cifar10,
    Cifar100,
    Svhn,
    Idx(PathBuf),
    Images(PathBuf),
    /// What follows `csv:`: a file, or two with a comma between them.
    Csv(String),
}

/// Every name that [`load`](super::load) knows, as `--data` takes it; `DIR` stands for a folder,
/// `FILE` for a file.
pub fn names() -> &'static [&'static str] {
    &[
        "moons",
        "spirals",
        "circles",
        "gaussians",
        "xor",
        "fashion-sample",
        "mnist",
        "fashion-mnist",
        "cifar10",
        "cifar100",
        "svhn",
        "idx:DIR",
        "images:DIR",
        "csv:FILE",
    ]
}

/// Reads a name; an unknown one is bad input that lists them all.
pub(super) fn parse(name: &str) -> Result<Source> {
    use super::points::Kind;
    for (prefix, form, holds) in [
        ("idx:", "idx:DIR", "DIR holds the four IDX files"),
        ("images:", "images:DIR", "DIR holds a folder of PNG or JPEG files for each class"),
        ("csv:", "csv:FILE", "FILE has a row for each example and the class in its last column"),
    ] {
        let Some(path) = name.strip_prefix(prefix).map(str::trim) else { continue };
        return match (path, prefix) {
            ("", _) => Err(Error::input(format!("--data {prefix} lacks its path; write {form}, where {holds}"))),
            (path, "idx:") => Ok(Source::Idx(path.into())),
            (path, "images:") => Ok(Source::Images(path.into())),
            (path, _) => Ok(Source::Csv(path.into())),
        };
    }
    Ok(match name {
        "moons" => Source::Points(Kind::Moons),
        "spirals" => Source::Points(Kind::Spirals),
        "circles" => Source::Points(Kind::Circles),
        "gaussians" => Source::Points(Kind::Gaussians),
        "xor" => Source::Points(Kind::Xor),
        "fashion-sample" => Source::Sample,
        "mnist" => Source::Mnist,
        "fashion-mnist" => Source::FashionMnist,
        "cifar10" => Source::Cifar10,
        "cifar100" => Source::Cifar100,
        "svhn" => Source::Svhn,
        _ => {
            return Err(Error::input(format!(
                "there is no data set '{name}'; did you mean '{}'? The data sets are {}",
                closest(name, names()),
                names().join(", ")
            )));
        }
    })
}

/// The candidate with the fewest edits to `word`, the first of equals; letter case does not count.
fn closest<'a>(word: &str, candidates: &[&'a str]) -> &'a str {
    let word = word.to_lowercase();
    candidates.iter().copied().min_by_key(|candidate| edits(&word, &candidate.to_lowercase())).unwrap_or_default()
}

/// Insertions, deletions and replacements that turn `a` into `b` (Wagner and Fischer 1974).
fn edits(a: &str, b: &str) -> usize {
    // A name of any length may come in a page's URL; beyond this the distance no longer tells anything.
    let a: Vec<char> = a.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for other in b.chars() {
        let mut diagonal = row[0];
        row[0] += 1;
        for (i, letter) in a.iter().enumerate() {
            let replaced = diagonal + usize::from(*letter != other);
            diagonal = row[i + 1];
            row[i + 1] = replaced.min(row[i] + 1).min(diagonal + 1);
        }
    }
    row[a.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_known() {
        for name in names() {
            assert!(parse(name).is_ok(), "{name}");
        }
        assert_eq!(parse("idx:some/where").unwrap(), Source::Idx("some/where".into()));
        assert_eq!(parse("images:pets").unwrap(), Source::Images("pets".into()));
        assert_eq!(parse("csv:a.csv,b.csv").unwrap(), Source::Csv("a.csv,b.csv".into()));
        for bare in ["idx:", "images: ", "csv:"] {
            assert!(parse(bare).unwrap_err().is_input());
        }
    }

    #[test]
    fn an_unknown_name_lists_all_and_the_closest() {
        for (name, meant) in
            [("mnits", "mnist"), ("Spiral", "spirals"), ("CIFAR-10", "cifar10"), ("fashon-mnist", "fashion-mnist")]
        {
            let error = parse(name).unwrap_err();
            assert!(error.is_input());
            let text = error.to_string();
            assert!(text.contains(&format!("did you mean '{meant}'")), "{text}");
            assert!(names().iter().all(|n| text.contains(n)), "{text}");
        }
        assert!(parse("").is_err() && parse(&"x".repeat(100_000)).is_err());
    }

    #[test]
    fn edits_are_counted() {
        for (a, b, n) in [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2)] {
            assert_eq!(edits(a, b), n, "{a} {b}");
        }
    }
}
