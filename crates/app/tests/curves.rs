//! The card of curves: what it plots, its menus, and looking back.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{frames_until, harness, picture, train_until};
use egui::{Key, Theme};
use egui_kittest::kittest::Queryable;
use lowland_app::Quantity;

#[test]
fn it_shows_seeds_as_bands_and_looks_back() {
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    harness.state_mut().command("set", "seeds=4").unwrap();
    harness.state_mut().command("set", "equal-compute=true").unwrap();
    train_until(&mut harness, 600);
    let curves = &harness.state().state().curves;
    assert_eq!(curves.lanes().len(), 12);
    let last = curves.last(4, Quantity::TestAccuracy).unwrap();
    assert_eq!(last.gradients, 2 * last.step);
    harness.run_steps(3);
    harness.get_by_label_contains("of 4 seeds");
    picture(&mut harness, "dark");

    // Pressing on a plot looks back, and so do the arrow keys; End comes back.
    let plot = harness.get_by_label("Plot of Test accuracy").rect();
    harness.drag_at(plot.center());
    harness.run_steps(3);
    let step = harness.state().state().scrub.expect("pressing looks back");
    assert!(step > 100 && step < 500, "{step}");
    frames_until(&mut harness, |app| !app.engine().has_work(app.state()));
    picture(&mut harness, "dark-back");
    harness.drop_at(plot.center());
    harness.run_steps(3);
    harness.get_by_label_contains("looking back at step");
    harness.get_by_label("Plot of Test accuracy").focus();
    harness.run_steps(2);
    harness.key_press(Key::ArrowLeft);
    harness.run_steps(3);
    assert!(harness.state().state().scrub.unwrap() < step);
    harness.key_press(Key::End);
    harness.run_steps(3);
    assert_eq!(harness.state().state().scrub, None);
}

#[test]
fn menus_choose_what_is_plotted() {
    let mut harness = harness([1280.0, 800.0], Theme::Light);
    train_until(&mut harness, 400);
    harness.get_by_label("Lower plot: Wrong labels learnt").click();
    harness.run_steps(3);
    harness.get_by_label("Loss").click();
    harness.run_steps(3);
    harness.get_by_label("Plot of Loss");
    harness.get_by_label("log").click();
    harness.run_steps(3);
    assert!(!harness.state().state().view.log_loss);
    harness.state_mut().command("log-loss", "").unwrap();
    harness.get_by_label("over gradients").click();
    harness.run_steps(3);
    harness.get_by_label("seconds").click();
    harness.run_steps(3);
    harness.state_mut().command("smoothing", "0.8").unwrap();
    harness.run_steps(3);
    assert_eq!(harness.state().state().view.axis.name(), "seconds");
    picture(&mut harness, "light");
}

#[test]
fn without_wrong_labels_and_on_a_phone_it_shows_the_loss() {
    let mut harness = harness([390.0, 844.0], Theme::Light);
    harness.state_mut().command("preset", "no-difference").unwrap();
    train_until(&mut harness, 200);
    harness.run_steps(3);
    harness.get_by_label("Plot of Loss");
    picture(&mut harness, "phone");
}

#[test]
fn the_numbers_are_a_table() {
    let mut harness = harness([390.0, 844.0], Theme::Dark);
    train_until(&mut harness, 300);
    harness.state_mut().command("show", "table").unwrap();
    harness.run_steps(3);
    let (columns, rows) = harness.state().numbers();
    assert_eq!(columns, ["SGD", "SAM"]);
    let row = |name: &str| rows.iter().find(|(row, _)| row == name).map(|(_, values)| values.clone()).unwrap();
    assert_eq!(row("Gradients evaluated until then"), ["300", "600"]);
    assert_eq!(row("Loss of the batch at w + e")[0], "not measured");
    for (name, values) in &rows {
        harness.get_by_label(name);
        assert_eq!(values.len(), 2);
    }
    picture(&mut harness, "table");
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(harness.query_by_label("Gradient norm").is_none());
}
