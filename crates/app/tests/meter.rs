//! The sharpness meter, rescaling, and the planes of the surface that go with them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use common::{frames_until, harness, messages, picture, train_until};
use egui::Theme;
use egui_kittest::{Harness, kittest::Queryable};
use lowland_app::{App, Quantity, Sharpness, Surface};

fn command(harness: &mut Harness<'_, App>, name: &str, argument: &str) {
    harness.state_mut().command(name, argument).unwrap();
    harness.step();
}

/// The reading of the present weights.
fn reading(harness: &mut Harness<'_, App>) -> Sharpness {
    frames_until(harness, |app| {
        let step = app.engine().duel().map(|duel| duel.submitted());
        let meter = app.engine().meter().filter(|meter| !meter.is_busy(step.unwrap_or_default()));
        meter.and_then(|meter| meter.last()).is_some_and(|last| Some(last.step) == step)
    });
    harness.state().engine().meter().unwrap().last().unwrap().clone()
}

/// The surface of the present step, as soon as it has so many points along a side.
fn surface(harness: &mut Harness<'_, App>, grid: usize) -> Surface {
    frames_until(harness, |app| {
        let step = app.engine().duel().map(|duel| duel.submitted());
        let surface = app.engine().ground().and_then(|ground| ground.surface());
        let named = app.engine().surface_state().map(|(plane, ..)| plane) == Some(app.state().view.plane.name());
        named && surface.is_some_and(|s| Some(s.step) == step && s.grid >= grid)
    });
    harness.state().engine().ground().unwrap().surface().unwrap().clone()
}

#[test]
fn the_meter_reads_while_training_and_a_rescaled_network_bends_more_and_answers_the_same() {
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    command(&mut harness, "show", "meter");
    frames_until(&mut harness, |app| app.engine().meter().is_some_and(|meter| meter.read().len() >= 3));
    train_until(&mut harness, 200);
    let before = reading(&mut harness);
    let steps: Vec<u64> = harness.state().engine().meter().unwrap().read().iter().map(|reading| reading.step).collect();
    assert!(steps.is_sorted() && steps.len() >= 3, "{steps:?}");
    for side in &before.sides {
        assert!(side.lambda_1 > 0.0 && side.sam_sharpness > 0.0 && side.adaptive_sharpness > 0.0, "{side:?}");
    }
    // The opening duel: learning rate 0.05, momentum 0.9; SGD's edge is 2 (1 + 0.9) / 0.05, and SAM's is below it.
    assert!((before.edges[0].base.unwrap() - 76.0).abs() < 0.1, "{:?}", before.edges);
    assert!(before.edges[0].sam.is_none() && before.edges[1].sam.unwrap() < 76.0, "{:?}", before.edges);
    picture(&mut harness, "meter-dark");

    command(&mut harness, "plane", "random");
    let filtered = surface(&mut harness, 13);
    command(&mut harness, "plane", "random-plain");
    let plain = surface(&mut harness, 13);
    let accuracy = |app: &App| app.state().curves.last(0, Quantity::TestLoss).map(|point| point.value);
    let known = accuracy(harness.state());

    harness.get_by_label("Rescale SGD x 10").click();
    harness.run_steps(2);
    frames_until(&mut harness, |app| !app.engine().is_preparing());
    let after = reading(&mut harness);
    let (old, new) = (&before.sides[0], &after.sides[0]);
    assert_eq!(before.step, after.step, "no step was made");
    assert!((new.loss - old.loss).abs() < 1e-4 * old.loss, "{old:?} and {new:?}");
    assert!(new.lambda_1 > 3.0 * old.lambda_1, "{old:?} and {new:?}");
    let same = |a: f64, b: f64| (a - b).abs() < 0.02 * a.abs();
    assert!(same(old.adaptive_sharpness, new.adaptive_sharpness), "{old:?} and {new:?}");
    assert!(same(before.sides[1].lambda_1, after.sides[1].lambda_1), "the other side is as it was");
    assert_eq!(accuracy(harness.state()), known);
    assert!(harness.query_by_label_contains("not one prediction has changed").is_some());
    assert!(harness.state().config_json().contains("rho") && !harness.state().state().playing);
    assert_eq!(messages(harness.state()), Vec::<String>::new());
    picture(&mut harness, "meter-rescaled");

    // The picture that is normalised by filters stays; the other one does not.
    let off = |a: &Surface, b: &Surface| {
        let pairs = a.faces[0].losses.iter().zip(&b.faces[0].losses);
        pairs.map(|(a, b)| (a - b).abs() / a.abs().max(0.05)).fold(0.0f32, f32::max)
    };
    let steeper = surface(&mut harness, 13);
    assert!(off(&plain, &steeper) > 0.2, "{}", off(&plain, &steeper));
    command(&mut harness, "plane", "random");
    let still = surface(&mut harness, 13);
    assert!(off(&filtered, &still) < 0.02, "{}", off(&filtered, &still));
}

#[test]
fn rescaling_says_where_it_cannot_be() {
    let mut harness = harness([900.0, 640.0], Theme::Light);
    command(&mut harness, "set", "activation=tanh");
    command(&mut harness, "show", "meter");
    train_until(&mut harness, 10);
    let refused = harness.state_mut().command("rescale", "left,10").unwrap_err();
    assert!(refused.contains("tanh"), "{refused}");
    reading(&mut harness);
    assert!(harness.query_by_label_contains("does not let a factor through").is_some());
    assert!(harness.state_mut().command("rescale", "left,1000").is_err());
    assert!(harness.state_mut().command("rescale", "middle,2").is_err());
    picture(&mut harness, "meter-light-small");
}

#[test]
fn the_sharpest_directions_bend_by_their_eigenvalues() {
    let mut harness = harness([1280.0, 800.0], Theme::Light);
    train_until(&mut harness, 100);
    command(&mut harness, "plane", "hessian");
    let surface = surface(&mut harness, 51);
    let values = surface.curvatures.unwrap();
    assert_eq!(surface.faces.len(), 2);
    for (face, [first, second]) in surface.faces.iter().zip(values) {
        assert!(first >= second && first > 0.0, "{values:?}");
        // A parabola through the middle and its neighbours along the first direction.
        let at = |i: usize| f64::from(face.losses[51 * 25 + i]);
        let step = 2.0 * f64::from(face.half) / 50.0;
        let bent = (at(26) - 2.0 * at(25) + at(24)) / (step * step);
        assert!((bent - first).abs() < 0.35 * first, "{bent} and {first}");
    }
    harness.run_steps(2);
    assert!(harness.query_all_by_label_contains("sharpest directions").count() >= 2);
    picture(&mut harness, "plane-hessian-light");
    for plane in ["random-layer", "random-plain", "pca"] {
        command(&mut harness, "plane", plane);
        assert_eq!(self::surface(&mut harness, 13).step, surface.step, "{plane}");
    }
    picture(&mut harness, "plane-pca-light");
}
