//! The loss surface: what it shows is the network's.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{frames_until, harness, messages, picture, train_until};
use egui::Theme;
use egui_kittest::{Harness, kittest::Queryable};
use lowland_app::{App, Quantity, Surface, What};

/// The surface of the moment that is shown, once it is as fine as can be.
fn finest(app: &App) -> Option<&Surface> {
    let step = app.engine().duel()?.submitted();
    let ground = app.engine().ground()?;
    ground.surface().filter(|surface| surface.step == step && surface.grid == 51 && !app.engine().is_measuring())
}

fn command(harness: &mut Harness<'_, App>, name: &str, argument: &str) {
    harness.state_mut().command(name, argument).unwrap();
    harness.step();
}

fn settle(harness: &mut Harness<'_, App>) {
    frames_until(harness, |app| finest(app).is_some());
    harness.run_steps(2);
}

/// Steps until both sides are evaluated at the step that is shown.
fn until_evaluated(harness: &mut Harness<'_, App>) {
    let step = harness.state().engine().duel().unwrap().submitted();
    for _ in step..step.next_multiple_of(50) {
        harness.state_mut().command("step", "").unwrap();
    }
    let end = step.next_multiple_of(50);
    frames_until(harness, |app| app.engine().duel().is_some_and(|duel| duel.submitted() == end));
    frames_until(harness, |app| app.state().curves.last(0, Quantity::TestLoss).is_some_and(|p| p.step == end));
}

#[test]
fn the_surface_is_the_networks() {
    let mut harness = harness([900.0, 640.0], Theme::Dark);
    train_until(&mut harness, 300);
    until_evaluated(&mut harness);
    settle(&mut harness);
    let app = harness.state();
    let surface = finest(app).unwrap();
    let losses: Vec<f32> = surface.faces[0].losses.clone();
    assert_eq!(losses.len(), 51 * 51);
    for side in [0, 1] {
        let lane = app.engine().duel().unwrap().sides()[side].first;
        let curve = app.state().curves.last(lane, Quantity::TrainLoss).unwrap();
        let mark = surface.side(side).unwrap();
        assert_eq!(curve.step, surface.step);
        assert!((mark.loss - curve.value).abs() <= 1e-3 * curve.value, "{mark:?} and {curve:?}");
        // The grid around it has losses on both sides of it: the point lies on the ground.
        let [x, y] = mark.at.map(|v| ((0.5 * (v + 1.0) * 50.0) as usize).min(49));
        let corners = [0, 1, 51, 52].map(|by| losses[51 * y + x + by]);
        let (low, high) = corners.iter().fold((f32::MAX, 0.0f32), |(l, h), v| (l.min(*v), h.max(*v)));
        assert!(mark.loss > 0.3 * low && mark.loss < 1.5 * high, "{mark:?} among {corners:?}");
    }
    let line = app.engine().ground().unwrap().line().unwrap();
    assert_eq!(line.step, surface.step);
    for (end, side) in [(0.0, 0), (1.0, 1)] {
        let place = line.places.iter().position(|t| *t == end).unwrap();
        let lane = app.engine().duel().unwrap().sides()[side].first;
        for (losses, quantity) in [(&line.train, Quantity::TrainLoss), (&line.test, Quantity::TestLoss)] {
            let curve = app.state().curves.last(lane, quantity).unwrap().value;
            assert!((losses[place] - curve).abs() <= 1e-3 * curve, "{quantity:?} of {side}: {} {curve}", losses[place]);
        }
    }
    let faces = &surface.faces[0];
    assert!(faces.paths.iter().all(|path| path.len() > 3 && path.iter().flatten().all(|v| v.abs() < 1.0)));
    assert!(faces.marks.iter().any(|mark| mark.what == What::Start));
    assert!(faces.marks.iter().any(|mark| mark.what == What::Climbed));
    picture(&mut harness, "ground-dark");

    // The other planes, each named on screen.
    for (plane, faces, name) in [("random", 2, "random, filter-normalised"), ("pca", 1, "main directions of the paths")]
    {
        command(&mut harness, "plane", plane);
        harness.step();
        settle(&mut harness);
        let surface = finest(harness.state()).unwrap();
        assert_eq!(surface.faces.len(), faces, "{plane}");
        assert!(surface.faces.iter().all(|face| face.losses.iter().any(|loss| loss.is_finite())));
        assert!(surface.variance.is_none_or(|[first, second]| first >= second && first + second <= 1.0001));
        assert!(harness.query_all_by_label_contains(name).next().is_some());
        picture(&mut harness, &format!("ground-{plane}"));
    }
    assert_eq!(messages(harness.state()), Vec::<String>::new());
}

#[test]
fn it_turns_zooms_and_becomes_a_map() {
    let mut harness = harness([1280.0, 800.0], Theme::Light);
    train_until(&mut harness, 600);
    settle(&mut harness);
    picture(&mut harness, "ground-light");
    let view = |harness: &Harness<'_, App>| harness.state().state().view.clone();
    let before = view(&harness);
    let middle = harness.get_by_label_contains("Loss surface").rect().center();
    harness.drag_at(middle);
    harness.step();
    harness.hover_at(middle + egui::vec2(60.0, -20.0));
    harness.step();
    harness.drop_at(middle + egui::vec2(60.0, -20.0));
    harness.run_steps(2);
    let turned = view(&harness);
    assert!(turned.azimuth != before.azimuth && turned.elevation != before.elevation, "{turned:?}");
    harness.key_press(egui::Key::C);
    harness.key_press(egui::Key::L);
    harness.run_steps(3);
    assert!(view(&harness).contour && !view(&harness).log_height);
    picture(&mut harness, "ground-contour");
    harness.key_press(egui::Key::Num0);
    harness.run_steps(2);
    assert_eq!(view(&harness).azimuth, before.azimuth);
}

#[test]
fn one_step_is_unfolded() {
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    train_until(&mut harness, 205);
    harness.key_press(egui::Key::M);
    harness.step();
    let unfolded = |app: &App| {
        let slow = app.engine().slow().filter(|slow| slow.unfolded().is_some())?;
        slow.numbers(app.engine().duel()?).filter(|numbers| numbers.moved.is_some())
    };
    frames_until(&mut harness, |app| unfolded(app).is_some());
    let numbers = unfolded(harness.state()).unwrap();
    assert_eq!(numbers.step % 10, 0);
    assert!(numbers.step >= 205 && numbers.rho > 0.0 && numbers.gradient > 0.0, "{numbers:?}");
    assert!(numbers.second.is_some_and(|norm| norm > 0.0) && numbers.climbed_loss.is_some(), "{numbers:?}");
    frames_until(&mut harness, |app| {
        let surface = app.engine().ground().and_then(|ground| ground.surface());
        surface.is_some_and(|s| s.faces[0].marks.iter().any(|mark| mark.what == What::After) && s.grid == 51)
    });
    for part in 0..6 {
        harness.key_press(egui::Key::Period);
        harness.run_steps(2);
        let slow = harness.state().state().slow.unwrap();
        assert!(!slow.running && slow.done == 1.0);
        if part == 1 || part == 4 {
            picture(&mut harness, &format!("slow-{}", slow.part));
        }
    }
    harness.key_press(egui::Key::M);
    harness.run_steps(2);
    assert!(harness.state().state().slow.is_none() && harness.state().engine().slow().is_none());
    let done = harness.state().engine().duel().unwrap().submitted();
    assert_eq!(done, numbers.step + 1, "one step was taken, and training rests as before");
}

#[test]
fn on_a_phone() {
    let mut harness = harness([390.0, 844.0], Theme::Dark);
    train_until(&mut harness, 300);
    settle(&mut harness);
    picture(&mut harness, "ground-phone");
}
