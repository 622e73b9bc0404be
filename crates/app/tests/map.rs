//! The map of rho and learning rate.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{frames_until, harness, picture, train_until};
use egui::Theme;
use egui_kittest::kittest::Queryable;

#[test]
fn cells_are_trained_and_a_click_takes_one_over() {
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    train_until(&mut harness, 100);
    harness.state_mut().command("show", "map").unwrap();
    harness.run_steps(3);
    harness.state_mut().command("train-map", "200").unwrap();
    frames_until(&mut harness, |app| app.engine().map().is_some_and(|map| !map.is_running()));
    let map = harness.state().engine().map().unwrap();
    assert_eq!((map.cells().len(), map.progress()), (25, 1.0));
    assert!(map.cells().iter().all(|cell| cell.step == 200 && cell.accuracy.is_some()), "{:?}", map.cells());
    // The middle one has the settings of the race, and learns what the race learns.
    let config = &harness.state().state().config;
    let race = map.cells().iter().find(|cell| Some(cell.rho) == config.rho && Some(cell.lr) == config.lr).unwrap();
    assert!(race.accuracy.unwrap() > 0.85, "{race:?}");
    harness.run_steps(3);
    picture(&mut harness, "map-dark");
    harness.get_by_label_contains("rho 0.15, learning rate 0.1:").click();
    harness.run_steps(4);
    let config = &harness.state().state().config;
    assert_eq!((config.rho, config.lr), (Some(0.15), Some(0.1)));
}

#[test]
fn it_can_be_stopped_and_fits_a_phone() {
    let mut harness = harness([390.0, 844.0], Theme::Light);
    train_until(&mut harness, 50);
    harness.state_mut().command("preset", "sam-loses").unwrap();
    harness.state_mut().command("pause", "").unwrap();
    harness.state_mut().command("show", "map").unwrap();
    frames_until(&mut harness, |app| !app.engine().is_preparing());
    harness.run_steps(3);
    harness.get_by_label("300 steps").click();
    frames_until(&mut harness, |app| app.engine().map().is_some_and(|map| map.progress() > 0.6));
    frames_until(&mut harness, |app| app.engine().map().is_some_and(|map| map.picture(0).is_some()));
    harness.get_by_label("Stop").click();
    harness.run_steps(4);
    let map = harness.state().engine().map().unwrap();
    assert!(!map.is_running() && map.cells().iter().any(|cell| cell.accuracy.is_some()));
    picture(&mut harness, "map-phone");
}
