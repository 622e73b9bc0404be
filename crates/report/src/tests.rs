//! Whole folders: known numbers, the page, and damage of every kind.

use std::path::Path;

use crate::synthetic::{EVAL_HEADER, METRICS_HEADER, known, realistic, write};
use crate::{ComparisonKind, Error, Verdict, render, summarize, write_report};

fn folder(fill: impl Fn(&Path)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fill(dir.path());
    dir
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
}

#[test]
fn a_known_folder_sums_up_to_known_numbers() {
    let dir = folder(known);
    let summary = summarize(dir.path()).unwrap();
    let [sgd, sam] = &summary.lanes[..] else { panic!("two lanes") };
    assert_eq!((sgd.seeds.len(), sgd.steps, sgd.epochs), (3, 20, 2.0));
    assert_eq!((sgd.gradient_evaluations, sam.gradient_evaluations), (20.0, 40.0));
    let accuracy = sgd.test_accuracy.unwrap();
    near(accuracy.mean, 0.72);
    // Standard deviation 0.02, three seeds: 4.302653 * 0.02 / sqrt(3).
    near(accuracy.half_width().unwrap(), 4.302_652_729_911_275 * 0.02 / 3f64.sqrt());
    let best = sgd.best_validation.unwrap();
    near(best.test_accuracy.mean, 0.79);
    near(best.epoch.mean, 1.0);
    near(sam.best_validation.unwrap().epoch.mean, 2.0);
    near(sam.train_clean_accuracy.unwrap().mean, 0.9);
    near(sam.train_flipped_accuracy.unwrap().mean, 0.2);
    let [last, stopped, both] = &summary.comparisons[..] else { panic!("three comparisons") };
    assert_eq!((last.kind, last.verdict), (ComparisonKind::LastEpoch, Verdict::Ahead));
    near(last.difference.mean, 0.11);
    near(last.difference.half_width().unwrap(), 4.302_652_729_911_275 * 0.01 / 3f64.sqrt());
    assert_eq!((stopped.kind, both.kind), (ComparisonKind::BaselineStopped, ComparisonKind::BothStopped));
    near(stopped.difference.mean, 0.04);
    assert_eq!(summary.headline, "SAM ends 11.0 points ahead of SGD");
    assert_eq!(
        summary.reading[0],
        "At the last epoch SAM is 11.0 points ahead of SGD (95 % interval of the paired difference over 3 seeds: 8.5 to 13.5)."
    );
    assert!(summary.reading[1].starts_with(
        "Against SGD stopped at its best validation epoch, SAM at its last epoch is not clearly different: 4.0 points ("
    ));
    assert!(summary.notices.is_empty(), "{:?}", summary.notices);
}

#[test]
fn the_text_table_is_aligned_and_at_most_100_columns_wide() {
    let dir = folder(realistic);
    let text = summarize(dir.path()).unwrap().to_text();
    println!("{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    let rule = text.lines().nth(2).unwrap().chars().count();
    assert!(text.lines().skip(3).take(3).all(|line| line.chars().count() == rule));
    assert!(text.contains("chosen on validation data, never on test"));
    assert!(text.contains("At equal compute SAM is"));
}

#[test]
fn equal_compute_is_found_by_counting_gradients() {
    let dir = folder(realistic);
    let summary = summarize(dir.path()).unwrap();
    let equal = summary.comparisons.iter().find(|comparison| comparison.kind == ComparisonKind::EqualCompute).unwrap();
    assert_eq!((equal.subject.as_str(), equal.baseline.as_str()), ("sam", "sgd-2x"));
    let json = serde_json::to_value(&summary).unwrap();
    assert_eq!(json["comparisons"][1]["kind"], "equal_compute");
    assert_eq!(json["lanes"][2]["gradient_evaluations"], 2480.0);
}

#[test]
fn the_page_is_whole_and_self_contained() {
    let dir = folder(realistic);
    let path = write_report(dir.path()).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    assert_eq!(path, dir.path().join("report.html"));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 4, "no temporary file is left");
    for forbidden in ["http://", "https://", "src=", "href=", "<script", "@import", "url(", "NaN", "inf,"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    for title in
        ["Test accuracy", "at equal compute", "Test loss", "right labels", "flipped labels", "Training loss", "gap"]
    {
        assert!(page.contains(title), "{title}");
    }
    assert_eq!(page.matches("<figure").count(), 7);
    assert_eq!(page.matches("role=\"img\"").count(), 8, "the first picture in two sizes");
    assert!(page.contains("lowland compare <span>--data</span> fashion-sample"));
    assert!(page.contains("prefers-color-scheme: dark"));
    assert!(page.len() < 600_000, "{}", page.len());
    assert_eq!(page, render(dir.path()).unwrap(), "the same folder gives the same page");
}

#[test]
fn texts_from_files_are_escaped() {
    let dir = folder(|dir| {
        let bad = "<script>alert(1)</script>&\\\"'";
        let config = format!(
            r#"{{"data": "{bad}", "command": "{bad}", "<b>": "{bad}", "lanes": [{{"label": "<i>x</i>", "<u>": "<u>"}}]}}"#
        );
        let evaluations = format!("{EVAL_HEADER}<i>x</i>,0,0,0,test,1,0.5,1\n<i>x</i>,0,9,0,test,1,0.5,1\n");
        write(dir, &config, METRICS_HEADER, &evaluations);
        std::fs::write(dir.join("notes.json"), r#"{"notes": ["<img src=x>"]}"#).unwrap();
    });
    let page = render(dir.path()).unwrap();
    for forbidden in ["<script", "<i>", "<b>x", "<u>", "<img", "<b>:"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;"));
    assert!(page.contains("&lt;img src=x&gt;"));
}

#[test]
fn one_seed_gives_no_interval_and_says_so() {
    let dir = folder(|dir| {
        let rows = "sgd,0,10,1,test,1,0.5,1\nsam,0,10,1,test,1,0.6,1\n";
        write(dir, "{}", &format!("{METRICS_HEADER}sam,0,0,0,1,1.2,0.5,1,0.1,0.05\n"), &format!("{EVAL_HEADER}{rows}"));
    });
    let summary = summarize(dir.path()).unwrap();
    assert_eq!(summary.comparisons[0].verdict, Verdict::OneSeed);
    assert_eq!(summary.lanes[1].gradients_per_step, 2.0, "a SAM loss was logged");
    let expected =
        "At the last epoch SAM is 10.0 points higher than SGD on the one seed they share, which allows no interval.";
    assert_eq!(summary.reading, [expected]);
    assert!(render(dir.path()).unwrap().contains("one seed: no interval"));
}

#[test]
fn diverged_and_unfinished_lanes_are_named() {
    let dir = folder(|dir| {
        known(dir);
        let file = dir.join("metrics.csv");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("sam,2,13,1,1.0,1.1", "sam,2,13,1,NaN,inf")).unwrap();
        let file = dir.join("config.json");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replacen("\"steps\": 20", "\"steps\": 40", 1)).unwrap();
    });
    let summary = summarize(dir.path()).unwrap();
    assert_eq!((summary.lanes[1].diverged[0].seed, summary.lanes[1].diverged[0].step), (2, 13));
    assert!(
        summary
            .notices
            .iter()
            .any(|note| note.starts_with("Lane sam diverged") && note.contains("seed 2 from step 13"))
    );
    assert!(summary.notices.iter().any(|note| note.contains("Lane sgd is not finished") && note.contains("20 of 40")));
    let page = render(dir.path()).unwrap();
    assert!(page.contains("1 diverged") && page.contains("Before you trust these numbers"));
    std::fs::write(dir.path().join("notes.json"), r#"{"notes": ["lane sam seed 2 diverged at step 13"]}"#).unwrap();
    let told = summarize(dir.path()).unwrap();
    assert_eq!(told.notices.iter().filter(|note| note.contains("diverged")).count(), 1);
}

#[test]
fn missing_files_are_named_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let nowhere = summarize(&dir.path().join("nowhere")).unwrap_err().to_string();
    assert!(nowhere.contains("nowhere") && nowhere.contains("Give the folder of a run"), "{nowhere}");
    for missing in ["config.json", "eval.csv", "metrics.csv"] {
        let dir = folder(known);
        std::fs::remove_file(dir.path().join(missing)).unwrap();
        let fault = summarize(dir.path()).unwrap_err();
        assert!(matches!(&fault, Error::NotARun { file, .. } if *file == missing), "{fault}");
    }
    let dir = folder(|dir| write(dir, "{}", METRICS_HEADER, EVAL_HEADER));
    assert!(matches!(summarize(dir.path()).unwrap_err(), Error::Empty { .. }));
}

#[test]
fn damage_is_found_where_it_is() {
    let damage = |file: &str, from: &str, to: &str| {
        let dir = folder(known);
        let path = dir.path().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        summarize(dir.path()).unwrap_err().to_string()
    };
    let cases = [
        ("eval.csv", "split", "spilt", "line 1: there is no column `split` (found: optimizer,seed,"),
        ("eval.csv", "sgd,0,0,0,test,0.5,", "sgd,0,0,0,test,half,", "line 2, column `loss`: \"half\" is not a number"),
        ("eval.csv", "sgd,0,0,0,test", "sgd,-1,0,0,test", "line 2, column `seed`: \"-1\" is not a whole number"),
        ("eval.csv", "sgd,0,0,0,test", "sgd,0,0,test", "line 2: 7 fields where the first line names 8"),
        ("metrics.csv", "sgd,0,3,0,1.0,", "sgd,0,3,0,,", "line 5, column `loss`: \"\" is not a number"),
        ("metrics.csv", "sgd,0,3,", ",0,3,", "line 5, column `optimizer`: \"\" is not the name of a lane"),
        ("metrics.csv", "sam,0,0,0,1.0,1.1", "sam,0,0,0,1.0,x", "column `sam_loss`: \"x\" is not a number"),
        ("config.json", "\"lanes\": [", "\"lanes\": ", "config.json, line "),
        ("config.json", "\"label\"", "\"lable\"", "an entry of `lanes` has no `label`"),
    ];
    for (file, from, to, expected) in cases {
        let message = damage(file, from, to);
        assert!(message.contains(file) && message.contains(expected), "{message}");
    }
}

#[test]
fn a_line_cut_short_at_the_end_is_left_out_and_told() {
    let dir = folder(known);
    let path = dir.path().join("eval.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text + "sam,2,30,3,te").unwrap();
    let summary = summarize(dir.path()).unwrap();
    assert!(summary.notices[0].starts_with("The last line of eval.csv is cut short"));
    assert_eq!(summary.lanes[1].steps, 20);
}

/// Whatever is cut off, overwritten or inserted, there is a summary and a page, or an error with a name of a file in it.
#[test]
fn no_damage_makes_it_panic() {
    let dir = folder(known);
    let junk: [&[u8]; 8] = [b"\xff\xfe", b",", b"\n", b"\"", b"NaN", b"1e999", b"{", b"99999999999999999999"];
    let mut state = 7_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    for file in ["config.json", "metrics.csv", "eval.csv"] {
        let path = dir.path().join(file);
        let whole = std::fs::read(&path).unwrap();
        for round in 0..120 {
            let mut bytes = whole.clone();
            let place = draw(if round % 2 == 0 { 200 } else { bytes.len() });
            match round % 3 {
                0 => bytes.truncate(place),
                1 => drop(bytes.splice(place..place, junk[draw(8)].iter().copied())),
                _ => drop(bytes.splice(place..(place + draw(9)).min(whole.len()), junk[draw(8)].iter().copied())),
            }
            std::fs::write(&path, &bytes).unwrap();
            match render(dir.path()) {
                Ok(page) => assert!(page.ends_with("</html>\n")),
                Err(fault) => assert!(fault.to_string().contains(['.', ',']), "{fault}"),
            }
        }
        std::fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn one_lane_and_many_lanes_make_a_page() {
    for count in [1, 14] {
        let dir = folder(|dir| {
            let mut rows = EVAL_HEADER.to_owned();
            for (lane, seed, step) in (0..count * 6).map(|index| (index / 6, index % 2, index % 3)) {
                rows += &format!("lane{lane},{seed},{step},{step},test,1,0.{}{step},1\n", 50 + lane);
            }
            write(dir, r#"{"version": 2, "lanes": null}"#, METRICS_HEADER, &rows);
        });
        let summary = summarize(dir.path()).unwrap();
        assert_eq!((summary.lanes.len(), summary.comparisons.len()), (count, count - 1));
        assert!(summary.to_text().lines().all(|line| line.chars().count() <= 100));
        assert!(summary.notices[0].contains("later version"));
        let page = render(dir.path()).unwrap();
        assert!(page.contains("Test accuracy") && page.contains("lowland compare <span>--config</span> config.json"));
    }
}

/// A landscape of two networks.
fn landscape(dir: &Path, losses: impl Fn(&str, f64, f64) -> f64) {
    let dir = dir.join("landscape");
    std::fs::create_dir(&dir).unwrap();
    let mut line = "alpha,loss,accuracy,train_loss,train_accuracy,test_loss,test_accuracy\n".to_owned();
    for i in 0..21 {
        let alpha = -0.5 + 0.1 * f64::from(i);
        line += &format!("{alpha},1,0.5,{},0.6,{},0.5\n", 1.0 + alpha * alpha, 2.0 + alpha);
    }
    std::fs::write(dir.join("line.csv"), line).unwrap();
    for label in ["sgd", "sam"] {
        let mut csv = "x,y,loss,accuracy\n".to_owned();
        for (x, y) in (0..25).map(|i| (f64::from(i % 5) / 2.0 - 1.0, f64::from(i / 5) / 2.0 - 1.0)) {
            csv += &format!("{x},{y},{},0.5\n", losses(label, x, y));
        }
        std::fs::write(dir.join(format!("surface-{label}.csv")), csv).unwrap();
        for ground in ["light", "dark"] {
            std::fs::write(dir.join(format!("relief-{label}-{ground}.png")), "no picture").unwrap();
        }
    }
    let sharpness = [
        "optimizer,seed,examples,rho,p,loss,sam_loss,sharpness,grad_norm,adaptive_sharpness,lambda_1,lambda_5,trace,barrier",
        "sgd,0,500,0.2,2,1,1.5,0.5,1,0.3,20,5,100,",
        "sgd,1,500,0.2,2,1,1.7,0.7,1,0.3,24,5,110,",
        "sam,0,500,0.2,2,1,1.1,0.1,1,0.3,2,1,10,0.25",
        "sam,1,500,0.2,2,NaN,NaN,NaN,NaN,NaN,3,1,11,0.35\n",
    ];
    std::fs::write(dir.join("sharpness.csv"), sharpness.join("\n")).unwrap();
    let surface = |label: &str| {
        let pictures = ["light", "dark"].map(|ground| format!("relief-{label}-{ground}.png"));
        serde_json::json!({"label": label, "file": format!("surface-{label}.csv"), "pictures": pictures})
    };
    let record = serde_json::json!({
        "version": 1,
        "seed": 0,
        "train_examples": 500,
        "train_examples_of": 1800,
        "test_examples": 400,
        "test_examples_of": 400,
        "line": {"from": "sgd", "to": "sam", "bn": "recompute"},
        "surfaces": {"grid": 5, "range": 1.0, "direction_seed": 7, "list": [surface("sgd"), surface("sam")]},
        "relief": {
            "size": [900, 720],
            "heights": [[[100.0, 480.0], "0.5"]],
            "middles": [[300.0, 580.0], [660.0, 535.0]],
            "corners": [[114.0, 489.0], [529.0, 696.0], [758.0, 413.0]]
        },
        "sharpness": {"rho": 0.2, "p": 2.0, "barrier_from": "sgd"},
    });
    std::fs::write(dir.join("landscape.json"), record.to_string()).unwrap();
}

#[test]
fn the_landscape_is_a_section_of_the_page() {
    let bowl = |label: &str, x: f64, y: f64| match label {
        "sam" if x > 0.9 => f64::NAN,
        _ => 0.5 + x * x + y * y,
    };
    let dir = folder(|dir| {
        realistic(dir);
        landscape(dir, bowl);
    });
    let page = render(dir.path()).unwrap();
    let start = page.find("<section class=\"landscape\">").unwrap();
    let section = &page[start..start + page[start..].find("</section>").unwrap()];
    for words in [
        "On the line from SGD to SAM",
        "at 21 values of α",
        "500 of 1,800 training examples",
        "all 400 test examples",
        "statistics are computed anew",
        "direction seed 7, the same for both",
        "5×5 points; one scale of colours and heights for both",
        "The loss of SAM is not finite at 5 of 25 points",
        "|e|<sub>2</sub> = 0.2",
        "<b>0.600</b> <span class=\"half\">± 1.271</span>",
        "<b>0.100</b> <small>1 not finite</small>",
        "<td data-label=\"λ1\"><span><b>22.0</b>",
        "<td data-label=\"λ1 / λ5\"><span><b>4.40</b>",
        "<td data-label=\"Barrier\"><span><b>–</b></span></td>",
        "<td data-label=\"Barrier\"><span><b>0.300</b>",
        "line from SGD of the same seed",
        "λ<sub>1</sub> of SGD is 9 times that of SAM (95 % interval over 2 seeds: −3.71 to 21.7)",
        "<tr><th scope=\"row\">λ<sub>1</sub></th><td data-label=\"Kendall’s τ\">",
    ] {
        assert!(section.contains(words), "no '{words}'");
    }
    assert_eq!(section.matches("class=\"lf\"").count(), 5, "two of the line, two contours, one bar");
    assert_eq!(section.matches("data:image/png;base64,").count(), 4, "two views, each for light and dark");
    for forbidden in ["http://", "https://", "src=", "<script", "@import", "NaN"] {
        assert!(!section.contains(forbidden), "{forbidden}");
    }
    assert_eq!(page, render(dir.path()).unwrap(), "the same folder gives the same page");
}

#[test]
fn a_flat_landscape_is_named_and_a_damaged_one_left_out() {
    let dir = folder(|dir| {
        known(dir);
        landscape(dir, |label, x, _| if label == "sam" { 2.303 } else { 1.0 + x * x });
    });
    let page = render(dir.path()).unwrap();
    assert!(page.contains("The surface of SAM is flat: its loss is 2.3 everywhere"));
    let file = |name: &str| dir.path().join("landscape").join(name);
    for (name, damage) in [
        ("surface-sam.csv", "x,y,loss,accuracy\n0,0,1,1\n0,1,1,1\n"),
        ("line.csv", "alpha,loss\n0,1\n"),
        ("sharpness.csv", "optimizer,sharpness,loss,sam_loss\nsgd,1,x,1\n"),
        ("landscape.json", r#"{"surfaces": {"list": [{"label": "sgd", "file": "../eval.csv"}]}}"#),
        ("landscape.json", "{"),
    ] {
        let whole = std::fs::read(file(name)).unwrap();
        std::fs::write(file(name), damage).unwrap();
        let page = render(dir.path()).unwrap();
        assert!(page.contains("The landscape was left out"), "{name}");
        assert!(!page.contains("<section class=\"landscape\">"), "{name}");
        std::fs::write(file(name), whole).unwrap();
    }
    // Nothing was measured to its end.
    std::fs::remove_file(file("landscape.json")).unwrap();
    assert!(!render(dir.path()).unwrap().contains("andscape was left out"));
}

/// Curvature of two lanes at three steps.
fn curvature(dir: &Path) {
    let mut spectrum =
        "optimizer,seed,step,epoch,examples,loss,grad_norm,lambda_1,lambda_5,lambda_min,trace,trace_stderr,edge,\
                        sam_edge\n"
            .to_owned();
    let mut density = "optimizer,seed,step,eigenvalue,density\n".to_owned();
    for step in [0, 50, 100] {
        for seed in 0..2 {
            let sharp = 1.0 + 0.2 * f64::from(step) + f64::from(seed);
            spectrum += &format!("sgd,{seed},{step},0,200,0.5,1,{sharp},1,-0.1,20,2,40,\n");
            spectrum += &format!("sam,{seed},{step},0,200,0.5,1,{},1,-0.1,20,2,40,12.36\n", 0.2 * sharp);
            for i in 0..11 {
                let at = sharp * f64::from(i) / 10.0;
                density += &format!("sgd,{seed},{step},{at},{}\n", (-at).exp());
                density += &format!("sam,{seed},{step},{},{}\n", 0.2 * at, (-at).exp());
            }
        }
    }
    std::fs::write(dir.join("spectrum.csv"), spectrum).unwrap();
    std::fs::write(dir.join("density.csv"), density).unwrap();
}

#[test]
fn the_curvature_over_the_run_is_a_section_of_the_page() {
    let dir = folder(|dir| {
        realistic(dir);
        curvature(dir);
    });
    let page = render(dir.path()).unwrap();
    let start = page.find("<h2>Curvature over the run</h2>").unwrap();
    let section = &page[start..start + page[start..].find("</section>").unwrap()];
    for words in ["200 training examples", "mean over seeds", ">edge of SAM<", ">step 50<", ">step 100<", ">21<"] {
        assert!(section.contains(words), "no '{words}'");
    }
    assert!(!section.contains("NaN") && !section.contains("inf"));
    std::fs::write(dir.path().join("density.csv"), "optimizer,seed\n").unwrap();
    assert!(render(dir.path()).unwrap().contains("The curvature over the run was left out"));
}

/// Leaves a page to look at: `LOWLAND_REPORT_SAMPLE=DIR cargo test -p lowland-report sample`.
#[test]
fn sample_page_on_request() {
    let Some(dir) = std::env::var_os("LOWLAND_REPORT_SAMPLE") else { return };
    let dir = Path::new(&dir);
    std::fs::create_dir_all(dir).unwrap();
    realistic(dir);
    curvature(dir);
    println!("{}\n{}", write_report(dir).unwrap().display(), summarize(dir).unwrap().to_text());
}
