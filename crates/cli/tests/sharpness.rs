//! `lowland probe sharpness` and `lowland probe bound` in all kinds: JSON, tables, pictures, and bad input.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Csv, files, has_adapter, ok, refused};
use serde_json::Value;
use std::path::Path;

const SGD: &str = "a/final-sgd-0.safetensors";
const SAM: &str = "a/final-sam-0.safetensors";

fn document(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

fn networks(dir: &Path) {
    ok(dir, &["compare", "--steps", "40", "--quiet", "--out", "a", "--model", "mlp:6"]);
}

fn number(of: &Value, key: &str) -> f64 {
    of[key].as_f64().unwrap_or_else(|| panic!("{key} in {of}"))
}

#[test]
fn all_kinds_of_sharpness_in_one_command() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    let kinds = "sam,adaptive,average,adaptive-average,keskar,subspace";
    let few = ["--samples", "20", "--directions", "50", "--top", "3", "--rho", "0.2", "--restarts", "2"];
    let args = [&["probe", "sharpness", SGD, SAM, "--kind", kinds, "--json", "--out", "s"][..], &few].concat();
    let all = document(&ok(dir, &args));
    assert_eq!(all.as_array().unwrap().len(), 2);
    let loss = number(&all[0]["sam"], "loss");
    for document in all.as_array().unwrap() {
        let loss = number(&document["sam"], "loss");
        for kind in ["adaptive", "average", "adaptive-average", "keskar", "subspace"] {
            assert!((number(&document[kind], "loss") - loss).abs() < 1e-5 * loss, "{kind}");
        }
        for kind in ["sam", "adaptive"] {
            let measured = &document[kind];
            let difference = number(measured, "sam_loss") - number(measured, "loss");
            assert!((difference - number(measured, "sharpness")).abs() < 1e-12, "{kind}");
        }
        assert!(number(&document["average"], "sharpness") < number(&document["sam"], "sharpness"));
        let boxes = document["keskar"]["boxes"].as_array().unwrap();
        assert_eq!(boxes.iter().map(|b| number(b, "epsilon")).collect::<Vec<_>>(), [1e-3, 5e-4]);
        assert!(number(&boxes[0], "sharpness") > number(&boxes[1], "sharpness"));
        assert_eq!(document["keskar"]["sharpness"], boxes[0]["sharpness"]);
        let subspace = &document["subspace"];
        assert_eq!((subspace["rises"].as_array().unwrap().len(), subspace["main"].as_array().unwrap().len()), (50, 3));
        let main = number(&subspace["main"][0], "rise");
        assert!(main > number(subspace, "mean_rise"), "{main}: the first main direction rises most");
    }
    let names: Vec<String> = files(&dir.join("s")).into_keys().collect();
    let csv = ["-adaptive-average", "-adaptive", "-average", "-keskar", "-subspace", ""];
    let mut expected: Vec<String> = csv.iter().map(|kind| format!("sharpness{kind}.csv")).collect();
    expected.extend(["sharpness.json".into(), "subspace-final-sam-0.svg".into(), "subspace-final-sgd-0.svg".into()]);
    expected.sort();
    assert_eq!(names, expected);
    assert_eq!(Csv::read(&dir.join("s/sharpness-keskar.csv")).rows.len(), 4);
    let svg = std::fs::read_to_string(dir.join("s/subspace-final-sam-0.svg")).unwrap();
    assert!(svg.starts_with("<svg ") && svg.contains("50 random directions") && !svg.contains("NaN"));

    // One kind stands at the top, and its bits depend on the seed alone.
    let one = |kind: &str, more: &[&str]| {
        document(&ok(dir, &[&["probe", "sharpness", SGD, "--json", "--kind", kind][..], more].concat()))
    };
    let sam = one("sam", &["--rho", "0.2"]);
    assert_eq!(
        (number(&sam, "loss"), &sam["kind"], &sam["sharpness"]),
        (loss, &"sam".into(), &all[0]["sam"]["sharpness"])
    );
    let projected = one("sam", &["--rho", "0.2", "--ascent", "projected", "--ascent-steps", "5"]);
    assert!(number(&projected, "sharpness") >= number(&sam, "sharpness"));
    assert!((number(&projected, "ascent_step") - 0.1).abs() < 1e-12);
    let box_of = |seed: &str| one("keskar", &["--subspace-dim", "5", "--epsilon", "0.01", "--probe-seed", seed]);
    assert_eq!(box_of("1"), box_of("1"));
    assert_ne!(box_of("1")["sharpness"], box_of("2")["sharpness"]);
    assert_eq!(number(&one("adaptive", &[]), "rho"), 0.5, "ASAM's default");
}

#[test]
fn a_bound_names_every_term() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    let bound = ["probe", "bound", SAM, "--rho", "0.1", "--delta", "0.1", "--certificate-samples", "8"];
    let json =
        document(&ok(dir, &[&bound[..], &["--json", "--learn", "20", "--prior", "init", "--out", "b"]].concat()));
    let error = document(&ok(dir, &["eval", SAM, "--split", "train", "--json"]));
    assert!((number(&json, "loss") - (1.0 - number(&error[0], "accuracy"))).abs() < 1e-6);
    for (part, keys) in [
        ("finite_class", &["ln_hypotheses", "term", "bound"][..]),
        (
            "pac_bayes",
            &["posterior_variance", "j", "prior_variance", "kl", "ln_n_over_delta", "expected_loss_limit", "bound"],
        ),
        ("assumption", &["sigma", "test_loss", "test_loss_perturbed", "stderr"]),
        ("learned", &["sigma", "kl", "j", "expected_loss", "bound", "bound_by_kl_inverse", "test_loss"]),
    ] {
        keys.iter().for_each(|key| assert!(number(&json[part], key).is_finite()));
    }
    for form in ["deck", "paper", "exact"] {
        let form = &json["sam"][form];
        assert_eq!(form["vacuous"], Value::Bool(number(form, "bound") >= 1.0));
    }
    assert_eq!((number(&json, "n"), number(&json, "delta"), &json["prior"]), (200.0, 0.1, &"init".into()));
    assert!(number(&json, "distance_squared") > 0.0 && json["notes"].as_array().unwrap().len() >= 5);
    assert_eq!(files(&dir.join("b")).into_keys().collect::<Vec<_>>(), ["bound.csv", "bound.json", "bound.txt"]);
    assert_eq!(Csv::read(&dir.join("b/bound.csv")).rows.len(), 7);
    let text = ok(dir, &[&bound[..], &["--loss", "clipped"]].concat());
    for word in
        ["finite class", "PAC-Bayes", "SAM: deck", "SAM: paper", "SAM: exact", "vacuous", "assumption", "cut off at 1"]
    {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn bad_input() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    networks(dir);
    let (sharp, bound) = (&["probe", "sharpness", SGD][..], &["probe", "bound", SGD][..]);
    let cases: &[(&[&str], &[&str], &[&str])] = &[
        (sharp, &["--kind", "round"], &["round", "keskar"]),
        (sharp, &["--ascent", "projected", "--ascent-step", "0"], &["ascent-step", "0"]),
        (sharp, &["--kind", "adaptive", "--adaptive-eta", "-1"], &["adaptive-eta", "-1"]),
        (sharp, &["--kind", "average", "--samples", "1"], &["samples", "1"]),
        (sharp, &["--kind", "average", "--sigma", "nan"], &["sigma", "nan"]),
        (sharp, &["--kind", "keskar", "--epsilon", "0"], &["epsilon", "0"]),
        (sharp, &["--kind", "keskar", "--subspace-dim", "100000"], &["subspace-dim", "100000"]),
        (sharp, &["--kind", "keskar", "--subspace-dim", "0"], &["subspace-dim", "0"]),
        (sharp, &["--kind", "keskar", "--restarts", "0"], &["restarts", "0"]),
        (sharp, &["--kind", "keskar", "--search-steps", "0"], &["search-steps", "0"]),
        (sharp, &["--kind", "subspace", "--directions", "1"], &["directions", "1"]),
        (sharp, &["--kind", "subspace", "--top", "1000"], &["top", "1000"]),
        (sharp, &["--kind", "subspace", "--rho", "0"], &["radius", "0"]),
        (bound, &["--loss", "cross-entropy"], &["cross-entropy", "[0, 1]", "--loss error"]),
        (bound, &["--rho", "0"], &["rho", "0"]),
        (bound, &["--delta", "0"], &["delta", "0"]),
        (bound, &["--delta", "1"], &["delta", "1"]),
        (bound, &["--sample-delta", "2"], &["sample-delta", "2"]),
        (bound, &["--certificate-samples", "1"], &["certificate-samples", "1"]),
        (bound, &["--hypotheses", "-1"], &["hypotheses", "-1"]),
        (bound, &["--learn", "0"], &["learn", "0"]),
        (bound, &["--learn", "10", "--learn-lr", "0"], &["learn-lr", "0"]),
        (bound, &["--learn", "10", "--learn-batch", "1000"], &["learn-batch", "1000", "200"]),
        (bound, &["--prior", "init", "--init", "nowhere"], &["nowhere"]),
    ];
    for (command, args, words) in cases {
        refused(dir, &[*command, *args].concat(), words);
    }
}
