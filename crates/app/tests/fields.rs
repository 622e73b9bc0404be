//! The two fields: what they show, and points that are added, moved and taken away.

mod common;

use common::{frames_until, harness, messages, picture, train_until};
use egui::{Event, Modifiers, PointerButton, Theme, pos2};
use egui_kittest::kittest::Queryable as _;
use lowland_app::Quantity;

#[test]
fn it_opens_already_training_and_sam_gets_ahead() {
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    harness.state_mut().command("full-speed", "").unwrap();
    train_until(&mut harness, 1000);
    let curves = &harness.state().state().curves;
    let last = |lane, quantity| curves.last(lane, quantity).unwrap().value;
    let [sgd, sam] = [0, 1].map(|lane| last(lane, Quantity::TestAccuracy));
    assert!(sam > sgd + 0.02, "SAM {sam}, SGD {sgd}");
    assert!(last(1, Quantity::FlippedAccuracy) < last(0, Quantity::FlippedAccuracy));
    picture(&mut harness, "fields-dark");
}

#[test]
fn points_are_added_moved_and_taken_away_while_it_trains() {
    let mut harness = harness([1280.0, 800.0], Theme::Light);
    train_until(&mut harness, 100);
    let points = |app: &lowland_app::App| app.engine().duel().unwrap().data().train.len();
    assert_eq!(points(harness.state()), 200);
    let field = harness.get_by_label_contains("What SGD answers").rect();
    // A corner where no point lies.
    let corner = pos2(field.right() - 6.0, field.bottom() - 6.0);
    harness.hover_at(corner);
    harness.step();
    harness.drag_at(corner);
    harness.drop_at(corner);
    frames_until(&mut harness, |app| points(app) == 201);
    let step = harness.state().engine().duel().unwrap().submitted();
    assert!(step >= 100, "the weights are kept: {step}");
    harness.state_mut().command("move-point", "200,0.5,0.25").unwrap();
    harness.state_mut().command("remove-point", "3").unwrap();
    frames_until(&mut harness, |app| points(app) == 200);
    assert_eq!(harness.state().engine().duel().unwrap().data().train.labels.len(), 200);
    harness.state_mut().command("clear-edits", "").unwrap();
    frames_until(&mut harness, |app| {
        points(app) == 200 && app.state().edits.is_empty() && !app.engine().is_preparing()
    });
    assert_eq!(messages(harness.state()), Vec::<String>::new());
}

#[test]
fn points_of_ones_own_begin_with_few_and_shift_draws_the_other_class() {
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    harness.state_mut().command("preset", "draw").unwrap();
    let train = |app: &lowland_app::App| app.engine().duel().unwrap().data().train.labels.clone();
    frames_until(&mut harness, |app| app.engine().duel().is_some() && train(app).len() == 8);
    train_until(&mut harness, 20);
    harness.state_mut().command("play", "").unwrap();
    let field = harness.get_by_label_contains("What SAM answers").rect();
    let corners = [pos2(field.right() - 6.0, field.bottom() - 6.0), pos2(field.left() + 6.0, field.top() + 6.0)];
    for (at, modifiers) in corners.into_iter().zip([Modifiers::NONE, Modifiers::SHIFT]) {
        let before = train(harness.state()).len();
        harness.event(Event::PointerMoved(at));
        harness.step();
        for pressed in [true, false] {
            harness.event_modifiers(
                Event::PointerButton { pos: at, button: PointerButton::Primary, pressed, modifiers },
                modifiers,
            );
        }
        frames_until(&mut harness, |app| train(app).len() == before + 1);
    }
    assert_eq!(train(harness.state())[8..], [0, 1]);
    assert_eq!(messages(harness.state()), Vec::<String>::new());
    train_until(&mut harness, 200);
    picture(&mut harness, "fields-own-points");
}

#[test]
fn images_show_what_both_sides_take_them_for() {
    let mut harness = harness([1280.0, 800.0], Theme::Dark);
    harness.state_mut().command("preset", "fashion").unwrap();
    train_until(&mut harness, 30);
    frames_until(&mut harness, |app| app.engine().examples().is_some_and(|e| !e.hardest().is_empty()));
    frames_until(&mut harness, |app| {
        app.engine().examples().is_some_and(|e| e.confusion(1).iter().flatten().sum::<u32>() as usize == e.tested())
    });
    let examples = harness.state().engine().examples().unwrap();
    assert!(examples.mislabelled().len() > 100);
    let hardest = examples.hardest();
    assert!(hardest.windows(2).all(|pair| pair[0].loss[0] + pair[0].loss[1] >= pair[1].loss[0] + pair[1].loss[1]));
    picture(&mut harness, "images-dark");
}
