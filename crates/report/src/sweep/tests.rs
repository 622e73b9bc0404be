//! Sweeps with known numbers, and damage of every kind.

use std::fmt::Write as _;
use std::path::Path;

use super::Metric;
use crate::synthetic::{EVAL_HEADER, METRICS_HEADER, write};
use crate::{FolderKind, kind_of, summarize_runs, summarize_sweep, write_runs, write_sweep};

/// Two rows (label-noise 0 and 0.4) of three cells (rho 0, 0.1, 1), three seeds each; rho 1 collapses at 0.4.
///
/// Test accuracy: 0.80 0.81 0.82, 0.81 0.80 0.84, 0.70 0.70 0.70 in the first row; 0.60 0.61 0.62, 0.70 0.72 0.74 and 0.1
/// in the second.
fn known(dir: &Path) {
    let rows = [
        ("0", [[0.80, 0.81, 0.82], [0.81, 0.80, 0.84], [0.7; 3]]),
        ("0.4", [[0.60, 0.61, 0.62], [0.70, 0.72, 0.74], [0.1; 3]]),
    ];
    let mut runs = Vec::new();
    for (index, (noise, cells)) in rows.into_iter().enumerate() {
        let folder = format!("runs/{}-label-noise-{noise}", index + 1);
        let labels = ["rho-0", "rho-0.1", "rho-1"];
        let lanes: Vec<String> = labels
            .iter()
            .zip([1, 2, 2])
            .map(|(label, gradients)| {
                format!(r#"{{"label": "{label}", "optimizer": "sam", "lr": 0.1, "steps": 20, "gradients_per_step": {gradients}}}"#)
            })
            .collect();
        let config = format!(r#"{{"version": 1, "label_noise": {noise}, "lanes": [{}]}}"#, lanes.join(", "));
        let (mut metrics, mut evals) = (METRICS_HEADER.to_owned(), EVAL_HEADER.to_owned());
        for (label, seeds) in labels.iter().zip(cells) {
            for (seed, accuracy) in seeds.into_iter().enumerate() {
                writeln!(metrics, "{label},{seed},0,0,1,,0.5,1,0.1,0").unwrap();
                for (split, value) in [("test", accuracy), ("train", 0.9), ("train-clean", accuracy + 0.1)] {
                    writeln!(evals, "{label},{seed},0,0,{split},2.3,0.1,0.5").unwrap();
                    writeln!(evals, "{label},{seed},20,2,{split},{},{value},1", 1.0 - value).unwrap();
                }
            }
        }
        std::fs::create_dir_all(dir.join(&folder)).unwrap();
        write(&dir.join(&folder), &config, &metrics, &evals);
        if noise == "0.4" {
            let notes: Vec<String> =
                (0..3).map(|seed| format!("\"rho-1 seed {seed} collapsed: the same (step 20)\"")).collect();
            std::fs::write(dir.join(&folder).join("notes.json"), format!("{{\"notes\": [{}]}}", notes.join(", ")))
                .unwrap();
        }
        let cells: Vec<String> = labels
            .iter()
            .map(|label| {
                format!(r#"{{"label": "{label}", "values": ["{noise}", "{}"]}}"#, label.trim_start_matches("rho-"))
            })
            .collect();
        runs.push(format!(r#"{{"folder": "{folder}", "cells": [{}]}}"#, cells.join(", ")));
    }
    let record = format!(
        r#"{{"version": 1, "command": "lowland sweep --grid \"<b>\"", "metric": "test-accuracy", "config": {{"seeds": 3, "data": "moons"}},
        "axes": [{{"key": "label_noise", "values": ["0", "0.4"]}}, {{"key": "rho", "values": ["0", "0.1", "1"]}}], "runs": [{}]}}"#,
        runs.join(", ")
    );
    std::fs::write(dir.join("sweep.json"), record).unwrap();
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    known(dir.path());
    dir
}

#[test]
fn a_known_sweep_has_its_best_cells_its_ties_and_its_collapse() {
    let dir = folder();
    let summary = summarize_sweep(dir.path(), None).unwrap();
    let marks: Vec<(bool, bool)> = summary.cells.iter().map(|cell| (cell.best, cell.tied)).collect();
    // First row: differences to the best of -0.01, 0.01, -0.02 hold zero; those of rho 1 do not.
    assert_eq!(marks[..3], [(false, true), (true, false), (false, false)]);
    assert_eq!(marks[3..], [(false, false), (true, false), (false, false)]);
    let value = summary.cells[4].value.unwrap();
    assert!((value.mean - 0.72).abs() < 1e-12);
    assert!((value.half_width().unwrap() - 4.302_652_729_911 * 0.02 / 3f64.sqrt()).abs() < 1e-9);
    assert!((summary.cells[4].gap.unwrap().mean - 0.1).abs() < 1e-12, "of rightly labelled examples");
    assert_eq!(summary.headline, "Best rho by label-noise: 0.1 at 0, 0.1 at 0.4");
    assert_eq!(summary.notices, ["Collapsed (the same prediction for every input): label-noise 0.4, rho 1."]);
    let text = summary.to_text();
    assert!(text.contains("72.0 ± 5.0 *") && text.contains("81.0 ± 2.5 ~") && text.contains("collapsed"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn a_metric_that_is_better_when_low_is_marked_so() {
    let dir = folder();
    let summary = summarize_sweep(dir.path(), Some(Metric::TestLoss)).unwrap();
    assert!(summary.cells[1].best && summary.cells[4].best && !summary.cells[5].best);
    let fault = summarize_sweep(dir.path(), Some(Metric::ValLoss)).unwrap_err().to_string();
    assert!(fault.contains("val-loss") && fault.contains("--val-fraction"), "{fault}");
    for metric in Metric::ALL {
        assert_eq!(metric.name().parse(), Ok(metric));
        assert_eq!(serde_json::to_value(metric).unwrap(), metric.name());
    }
}

#[test]
fn tables_picture_and_page_hold_every_cell() {
    let dir = folder();
    let files = write_sweep(dir.path(), None).unwrap();
    let csv = std::fs::read_to_string(&files.csv).unwrap();
    assert!(csv.starts_with("label_noise,rho,n,best,tied,collapsed,diverged,test_accuracy,test_accuracy_low"));
    assert_eq!(csv.lines().count(), 7);
    assert!(csv.lines().nth(6).unwrap().starts_with("0.4,1,3,false,false,3,0,"));
    let seeds = std::fs::read_to_string(&files.per_seed).unwrap();
    assert_eq!(seeds.lines().count(), 19);
    assert!(seeds.contains("\n0.4,0.1,2,runs/2-label-noise-0.4,rho-0.1,,0.74,0.26,0.9,"), "{seeds}");
    let picture = std::fs::read_to_string(files.picture.unwrap()).unwrap();
    assert!(
        picture.starts_with("<svg xmlns=")
            && picture.contains("prefers-color-scheme: dark")
            && picture.contains("72.0")
    );
    let page = std::fs::read_to_string(&files.report).unwrap();
    for words in [
        "class=\"frame-best\"",
        "class=\"shade-none\"",
        "along rho",
        "Of 12 pairs in 2 runs",
        "&lt;b&gt;",
        "runs/1-label-noise-0/report.html",
    ] {
        assert!(page.contains(words), "{words}");
    }
    assert!(!page.contains("NaN") && page.ends_with("</html>\n"));
}

#[test]
fn one_axis_has_lines_and_three_have_a_map_for_each_further_value() {
    for (axes, expected) in [
        (r#"[{"key": "rho", "values": ["0", "0.1", "1"]}]"#, "along rho"),
        (
            r#"[{"key": "a", "values": ["x"]}, {"key": "b", "values": ["y"]}, {"key": "rho", "values": ["0", "0.1", "1"]}]"#,
            "by b and rho, a x",
        ),
    ] {
        let dir = folder();
        let count = axes.matches("key").count();
        let values = |rho: &str| if count == 1 { format!("[\"{rho}\"]") } else { format!("[\"x\", \"y\", \"{rho}\"]") };
        let cells: Vec<String> = ["0", "0.1", "1"]
            .iter()
            .map(|rho| format!(r#"{{"label": "rho-{rho}", "values": {}}}"#, values(rho)))
            .collect();
        let record = format!(
            r#"{{"config": {{"seeds": 3}}, "axes": {axes}, "runs": [{{"folder": "runs/1-label-noise-0", "cells": [{}]}}]}}"#,
            cells.join(", ")
        );
        std::fs::write(dir.path().join("sweep.json"), record).unwrap();
        let files = write_sweep(dir.path(), None).unwrap();
        let page = std::fs::read_to_string(&files.report).unwrap();
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn cells_that_are_not_done_are_named_and_left_out() {
    let dir = folder();
    std::fs::remove_dir_all(dir.path().join("runs/2-label-noise-0.4")).unwrap();
    let path = dir.path().join("runs/1-label-noise-0/eval.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("rho-0.1,2,20,", "rho-0.1,2,10,")).unwrap();
    let summary = summarize_sweep(dir.path(), None).unwrap();
    assert_eq!(summary.cells.iter().map(|cell| cell.seeds.len()).collect::<Vec<_>>(), [3, 2, 3, 0, 0, 0]);
    let notice = summary.notices.last().unwrap();
    assert!(notice.contains("label-noise 0, rho 0.1 (2 of 3 seeds); label-noise 0.4, rho 0 (not begun)"), "{notice}");
    write_sweep(dir.path(), None).unwrap();
}

#[test]
fn a_folder_of_runs_sets_sgd_against_sam() {
    let dir = folder();
    assert_eq!(kind_of(dir.path()), FolderKind::Sweep);
    std::fs::remove_file(dir.path().join("sweep.json")).unwrap();
    assert_eq!(kind_of(dir.path()), FolderKind::Runs);
    let config = dir.path().join("runs/1-label-noise-0/config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    // A lane with another batch has no partner, whether the summary of the lane says so or its own settings.
    std::fs::write(&config, text.replacen("{\"version\": 1", "{\"lane\": [\"rho-1: batch=4\"]", 1)).unwrap();
    let summary = summarize_runs(dir.path()).unwrap();
    assert_eq!((summary.runs, summary.pairs.len()), (2, 9));
    assert_eq!((summary.sam_better, summary.sgd_better, summary.equal), (5, 4, 0));
    assert!(summary.notices[0].contains("rho-1 of runs/1-label-noise-0"), "{:?}", summary.notices);
    let page = std::fs::read_to_string(write_runs(dir.path()).unwrap()).unwrap();
    assert_eq!(
        page.matches("<circle class=\"dot f0\"").count() + page.matches("<circle class=\"dot f1\"").count(),
        2 * (9 + 2)
    );
}

/// Whatever is cut off or overwritten, there is a page or an error with the name of a file in it.
#[test]
fn no_damage_makes_it_panic() {
    let dir = folder();
    let path = dir.path().join("sweep.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    for place in (0..whole.len()).step_by(7).filter(|place| whole.is_char_boundary(*place)) {
        for junk in ["", "[", "\"", "0", "null"] {
            let mut text = whole.clone();
            match junk {
                "" => text.truncate(place),
                junk => text.replace_range(place..(place + 2).min(whole.len()), junk),
            }
            std::fs::write(&path, text).unwrap();
            if let Err(fault) = write_sweep(dir.path(), None) {
                assert!(fault.to_string().contains(".json") || fault.to_string().contains(".csv"), "{fault}");
            }
        }
    }
    std::fs::write(&path, whole.replace("runs/1-label-noise-0", "../runs")).unwrap();
    assert!(write_sweep(dir.path(), None).is_err(), "a path that leaves the folder");
}
