//! Adding up what test runners say in their closing lines.

use std::ops::Add;

/// How many tests passed and failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
}

impl Add for Summary {
    type Output = Summary;

    fn add(self, other: Summary) -> Summary {
        Summary { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

impl Summary {
    /// One test.
    pub fn one(passed: bool) -> Summary {
        Summary { passed: passed.into(), failed: (!passed).into() }
    }

    /// A runner that failed without naming a failed test (it did not compile, it ran nothing) is one failure.
    pub fn of_run(self, succeeded: bool) -> Summary {
        if succeeded || self.failed > 0 { self } else { self + Summary::one(false) }
    }

    /// True if there were tests and all passed.
    pub fn is_success(self) -> bool {
        self.passed > 0 && self.failed == 0
    }
}

/// Sums nextest's closing lines, such as
/// `Summary [ 1.2s] 5 tests run: 3 passed (1 slow, 1 leaky), 1 failed, 1 timed out, 7 skipped`.
pub fn of_nextest(output: &str) -> Summary {
    let closing = |line: &str| {
        let line = without_colour(line);
        let (head, counts) = line.split_once(" run: ")?;
        head.trim_start().starts_with("Summary").then(|| sum(&without_parentheses(counts), ','))
    };
    output.lines().filter_map(closing).fold(Summary::default(), Summary::add)
}

/// Sums the closing lines of Rust's own runner: `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
pub fn of_libtest(output: &str) -> Summary {
    let closing = |line: &str| {
        let line = without_colour(line);
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        Some(sum(counts, ';'))
    };
    output.lines().filter_map(closing).fold(Summary::default(), Summary::add)
}

/// Reads node's closing lines, `ℹ pass 12` and `ℹ fail 0`; a test that was cut short is one that failed.
pub fn of_node(output: &str) -> Summary {
    let count = |what: &str| -> usize {
        let counts = output.lines().filter_map(|line| {
            without_colour(line).trim_start_matches(['ℹ', '#', ' ']).strip_prefix(what)?.trim().parse::<usize>().ok()
        });
        counts.sum()
    };
    Summary { passed: count("pass "), failed: count("fail ") + count("cancelled ") }
}

/// Sums counts such as `3 passed, 1 failed`. What did not run is neither.
fn sum(counts: &str, separator: char) -> Summary {
    let each = counts.split(separator).filter_map(|part| part.trim().split_once(' '));
    each.fold(Summary::default(), |mut all, (count, what)| {
        let count = count.parse().unwrap_or(0);
        match what {
            "passed" => all.passed += count,
            "failed" | "timed out" | "exec failed" => all.failed += count,
            _ => {}
        }
        all
    })
}

fn without_parentheses(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split('(').enumerate() {
        out.push_str(if number == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) });
    }
    // `3 passed (1 slow), ...` leaves a space before the comma.
    out.replace(" ,", ",")
}

/// Drops the terminal's colour sequences: ESC `[`, parameters, one letter.
fn without_colour(text: &str) -> String {
    let mut out = String::new();
    for (number, part) in text.split("\u{1b}[").enumerate() {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        out.push_str(if number == 0 { part } else { rest.get(1..).unwrap_or_default() });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(passed: usize, failed: usize) -> Summary {
        Summary { passed, failed }
    }

    #[test]
    fn nextest_lines_are_summed() {
        let line = "     Summary [   0.123s] 12 tests run: 12 passed, 0 skipped";
        assert_eq!(of_nextest(line), summary(12, 0));
        let line = "     Summary [  61.0s] 1 test run: 1 passed (1 slow), 3 skipped\n";
        assert_eq!(of_nextest(line), summary(1, 0));
        let line =
            "Summary [ 9s] 9/20 tests run: 4 passed (1 slow, 1 leaky), 3 failed, 1 timed out, 1 exec failed, 0 skipped";
        assert_eq!(of_nextest(line), summary(4, 5));
        let line = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m \
            \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \u{1b}[33;1mskipped\u{1b}[0m";
        assert_eq!(of_nextest(line), summary(2, 0));
    }

    #[test]
    fn other_lines_do_not_count() {
        assert_eq!(of_nextest("a test says: 5 tests run: 5 passed\nerror: no tests to run\n"), summary(0, 0));
        assert_eq!(of_libtest("3 passed; 0 failed\nrunning 3 tests\n"), summary(0, 0));
    }

    #[test]
    fn doc_test_lines_are_summed() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s\n\n\
            test result: \u{1b}[31mFAILED\u{1b}[0m. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(of_libtest(output), summary(4, 2));
    }

    #[test]
    fn node_lines_are_read() {
        let output = "✔ loads (812.5ms)\nℹ tests 4\nℹ suites 0\nℹ pass 2\nℹ fail 1\nℹ cancelled 1\nℹ skipped 0\n";
        assert_eq!(of_node(output), summary(2, 2));
        assert_eq!(of_node("# pass 3\n# fail 0\n"), summary(3, 0));
        assert_eq!(of_node("\u{1b}[34mℹ pass 5\u{1b}[39m\npass the salt\n"), summary(5, 0));
    }

    #[test]
    fn a_failed_run_is_never_a_success() {
        assert!(summary(3, 0).of_run(true).is_success());
        assert!(!summary(0, 0).of_run(true).is_success());
        assert_eq!(summary(3, 0).of_run(false), summary(3, 1));
        assert_eq!(summary(3, 2).of_run(false), summary(3, 2));
    }
}
