//! What is around the panels: bar, controls, keys, palette, settings, files, links; in wide and narrow windows.

mod common;

use common::{frames_until, harness, messages, picture, train_until};
use egui::accesskit::Role;
use egui::{Key, Modifiers, Theme};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use lowland_app::{App, Layer, Quantity, Wish};

const WIDE: [f32; 2] = [1280.0, 800.0];
const PHONE: [f32; 2] = [390.0, 844.0];

fn steps(harness: &mut Harness<'_, App>, count: usize) {
    for _ in 0..count {
        harness.step();
    }
}

fn begun(size: [f32; 2], theme: Theme) -> Harness<'static, App> {
    let mut harness = harness(size, theme);
    train_until(&mut harness, 20);
    harness
}

#[test]
fn the_bar_plays_pauses_and_steps() {
    let mut harness = begun(WIDE, Theme::Dark);
    let step = |harness: &Harness<'_, App>| harness.state().engine().duel().unwrap().submitted();
    let before = step(&harness);
    harness.get_by_label("Step").click();
    frames_until(&mut harness, |app| app.engine().duel().unwrap().submitted() == before + 1);
    harness.get_by_label("Play").click();
    frames_until(&mut harness, |app| app.state().playing && app.engine().duel().unwrap().submitted() > before + 1);
    harness.key_press(Key::Space);
    frames_until(&mut harness, |app| !app.state().playing);
    harness.key_press(Key::R);
    frames_until(&mut harness, |app| app.engine().duel().unwrap().submitted() == 0);
    picture(&mut harness, "shell-dark");
}

#[test]
fn a_typed_value_and_a_slider_act_and_a_double_click_resets() {
    let mut harness = begun(WIDE, Theme::Light);
    assert_eq!(harness.state().state().config.rho, Some(0.3));
    let slider = |harness: &Harness<'_, App>| {
        let rho: Vec<_> = harness.get_all_by_role_and_label(Role::Slider, "rho").map(|node| node.rect()).collect();
        rho[0]
    };
    let rect = slider(&harness);
    // The far left of rho is plain SGD.
    harness.hover_at(rect.left_center());
    harness.drag_at(rect.left_center());
    steps(&mut harness, 2);
    harness.drop_at(rect.left_center());
    steps(&mut harness, 2);
    assert_eq!(harness.state().state().config.rho, Some(0.0));
    harness.state_mut().command("reset", "rho").unwrap();
    steps(&mut harness, 2);
    assert_eq!(harness.state().state().config.rho, Some(0.3));
    // By keyboard.
    harness.get_all_by_role_and_label(Role::Slider, "rho").next().unwrap().focus();
    steps(&mut harness, 2);
    harness.key_press(Key::ArrowLeft);
    steps(&mut harness, 2);
    assert!(harness.state().state().config.rho.unwrap() < 0.3);
    assert_eq!(messages(harness.state()), Vec::<String>::new());
    picture(&mut harness, "shell-light");
}

#[test]
fn the_palette_finds_and_does() {
    let mut harness = begun(WIDE, Theme::Dark);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    steps(&mut harness, 2);
    assert!(harness.state().state().shows(Layer::Palette));
    harness.get_by_role_and_label(Role::SearchInput, "All commands").type_text("test poi");
    steps(&mut harness, 2);
    picture(&mut harness, "shell-palette");
    harness.key_press(Key::Enter);
    steps(&mut harness, 3);
    assert!(harness.state().state().view.test_points && !harness.state().state().shows(Layer::Palette));
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    steps(&mut harness, 2);
    harness.key_press(Key::Escape);
    steps(&mut harness, 2);
    assert!(!harness.state().state().shows(Layer::Palette));
}

#[test]
fn keys_settings_and_about_open_and_close() {
    let mut harness = begun(WIDE, Theme::Light);
    for (key, layer, name) in [(Key::Questionmark, Layer::Keys, "keys"), (Key::A, Layer::Settings, "settings")] {
        harness.key_press(key);
        steps(&mut harness, 3);
        assert!(harness.state().state().shows(layer), "{name}");
        picture(&mut harness, &format!("shell-{name}"));
        harness.key_press(Key::Escape);
        steps(&mut harness, 2);
        assert!(!harness.state().state().shows(layer), "{name}");
    }
    harness.state_mut().command("show", "about").unwrap();
    steps(&mut harness, 3);
    harness.get_by_label_contains("Sharpness-Aware");
}

#[test]
fn each_side_has_a_chooser_of_its_optimizer() {
    let mut harness = begun(WIDE, Theme::Dark);
    harness.state_mut().command("show", "settings").unwrap();
    steps(&mut harness, 3);
    let combos = harness.query_all_by_role(egui::accesskit::Role::ComboBox);
    let right = combos.into_iter().find(|combo| combo.value().as_deref() == Some("sam"));
    let named_sgd = harness.query_all_by_label("sgd").count();
    right.expect("the right side's chooser shows sam").click();
    steps(&mut harness, 2);
    assert_eq!(harness.query_all_by_label("sgd").count(), named_sgd, "what the left side has is not offered");
    harness.get_by_label("asam").click();
    steps(&mut harness, 3);
    assert_eq!(harness.state().state().config.optimizer.as_deref(), Some("sgd,asam"));
}

#[test]
fn files_come_back() {
    let mut harness = begun(WIDE, Theme::Dark);
    let mut saved = |kind: &str| {
        for _ in 0..200 {
            if let Some(bytes) = harness.state_mut().export(kind).unwrap() {
                return bytes;
            }
            harness.step();
        }
        panic!("{kind} is not made");
    };
    let config = saved("config");
    let checkpoint = saved("checkpoint-left");
    let csv = String::from_utf8(saved("csv")).unwrap();
    assert!(csv.lines().any(|row| row.starts_with("sgd,0,0,0,test,")), "{csv}");
    assert!(lowland::config::Config::from_json(std::str::from_utf8(&config).unwrap(), "x").is_ok());
    harness.state_mut().open("mine.safetensors", checkpoint.clone());
    frames_until(&mut harness, |app| {
        app.engine().duel().is_some_and(|duel| duel.start().weights.is_some()) && !app.engine().is_preparing()
    });
    let mut again = None;
    for _ in 0..200 {
        harness.step();
        again = harness.state_mut().export("checkpoint-right").unwrap();
        if again.is_some() {
            break;
        }
    }
    // Both sides begin at the weights of the file.
    let tensors = |bytes: &[u8]| bytes[bytes.len() - 4 * 100..].to_vec();
    assert_eq!(tensors(&again.unwrap()), tensors(&checkpoint));
    harness.state_mut().open("bad.safetensors", checkpoint[..checkpoint.len() - 5].to_vec());
    assert!(messages(harness.state()).iter().any(|m| m.contains("bad.safetensors")));
    assert!(harness.state_mut().export("gif").is_err());
}

#[test]
fn saving_is_a_wish_and_a_link_comes_back() {
    let mut harness = begun(WIDE, Theme::Dark);
    harness.state_mut().command("export", "config").unwrap();
    harness.state_mut().command("open", "").unwrap();
    steps(&mut harness, 2);
    let wishes = harness.state_mut().take_wishes();
    assert!(matches!(&wishes[..], [Wish::Open, Wish::Save { name, .. }] if name == "lowland.json"), "{wishes:?}");
    harness.state_mut().command("set", "momentum=0.5").unwrap();
    harness.state_mut().command("contour", "").unwrap();
    let link = harness.state().link();
    harness.state_mut().command("preset", "no-difference").unwrap();
    harness.state_mut().open_link(&link);
    assert_eq!(harness.state().link(), link);
    harness.state_mut().open_link("#v=1&momentum=7&magic=1");
    assert_eq!(messages(harness.state()).len(), 2);
    steps(&mut harness, 2);
    assert!(harness.state().engine().duel().is_some());
}

#[test]
fn what_was_kept_goes_on() {
    let mut harness = begun(WIDE, Theme::Dark);
    while harness.state_mut().export("checkpoint").unwrap().is_none() {
        harness.step();
    }
    let kept = harness.state().snapshot().unwrap();
    let step = harness.state().engine().duel().unwrap().submitted();
    let mut again = Harness::builder().with_size(WIDE).wgpu().build_eframe(|cc| {
        let start = lowland_app::Start { snapshot: Some(kept), ..Default::default() };
        App::new(&cc.egui_ctx, cc.wgpu_render_state.clone().unwrap(), start)
    });
    frames_until(&mut again, |app| app.engine().duel().is_some());
    assert_eq!(again.state().engine().duel().unwrap().submitted(), step);
    let curve = |app: &App| app.state().curves.series(1, Quantity::TestLoss).first().map(|p| (p.step, p.value));
    assert!(curve(harness.state()).is_some(), "nothing was measured");
    assert_eq!(curve(again.state()), curve(harness.state()), "the curves begin where they began");
    assert_eq!(messages(again.state()), Vec::<String>::new());
}

#[test]
fn a_lesson_hides_controls() {
    let mut harness = begun(WIDE, Theme::Dark);
    harness.state_mut().open_link("#paused=1&hide=lr,seed");
    steps(&mut harness, 3);
    assert!(harness.query_all_by_role_and_label(Role::Slider, "learning rate").next().is_none());
    assert!(harness.query_all_by_role_and_label(Role::Slider, "rho").next().is_some());
    harness.state_mut().open_link("#paused=1&hide=*");
    steps(&mut harness, 3);
    assert!(harness.query_all_by_role_and_label(Role::Slider, "rho").next().is_none());
    assert!(harness.query_by_label("More…").is_none());
}

#[test]
fn a_phone_has_one_column_for_fingers() {
    for theme in [Theme::Dark, Theme::Light] {
        let mut harness = begun(PHONE, theme);
        for name in ["Play", "Step", "Restart", "Slow motion", "Menu", "Save"] {
            let rect = harness.get_by_label(name).rect();
            assert!(rect.height() >= 44.0 && rect.width() >= 44.0, "{name}: {rect:?}");
            assert!(rect.right() <= PHONE[0] && rect.bottom() <= PHONE[1], "{name}: {rect:?}");
        }
        harness.get_by_label("Menu").click();
        steps(&mut harness, 3);
        harness.get_by_label("All commands");
        harness.key_press(Key::Escape);
        steps(&mut harness, 2);
        picture(&mut harness, if theme == Theme::Dark { "shell-phone-dark" } else { "shell-phone-light" });
    }
}

#[test]
fn widths_between_are_whole() {
    for width in [740.0, 900.0, 1024.0, 1920.0] {
        let mut harness = begun([width, 700.0], Theme::Dark);
        for name in ["Play", "Save"] {
            let rect = harness.get_by_label(name).rect();
            assert!(rect.right() <= width && rect.bottom() <= 700.0, "{width}: {name} {rect:?}");
        }
        picture(&mut harness, &format!("shell-{width}"));
    }
}
