use super::*;
use crate::plots::Plot;

fn state_of(read: Link) -> State {
    let mut state = State::new();
    (state.config, state.edits, state.view) = (read.config, read.edits, read.view);
    (state.playing, state.hidden) = (!read.paused, read.hidden);
    state
}

fn round_trip(state: &State) -> Link {
    let text = link(state);
    let read = parse(&format!("https://example.org/page#{text}"));
    assert_eq!(read.problems, Vec::<String>::new(), "{text}");
    assert_eq!(link(&state_of(read.clone())), text);
    read
}

#[test]
fn every_preset_comes_back_from_its_link() {
    for preset in presets::PRESETS {
        let mut state = State::new();
        state.config = (preset.config)();
        assert_eq!(round_trip(&state).config, state.config, "{}", preset.name);
    }
}

#[test]
fn what_is_on_screen_comes_back() {
    let mut state = State::new();
    state.view = View {
        plane: PlaneKind::Pca,
        plane_seed: 7,
        contour: true,
        log_height: false,
        azimuth: -12.5,
        elevation: 61.25,
        zoom: 1.3,
        axis: Axis::Seconds,
        smoothing: 0.6,
        plots: [Plot::Gap, Plot::Loss],
        log_loss: false,
        test_points: true,
        focus: Some(1),
        class: 1,
        speed: None,
    };
    state.playing = false;
    state.hidden = vec!["rho".into(), "lr".into()];
    state.edits = vec![Edit::Add([0.5, -1e-7], 1), Edit::Move(3, [2.0, 0.1]), Edit::Remove(5)];
    let read = round_trip(&state);
    assert_eq!((read.view, read.edits, read.hidden, read.paused), (state.view, state.edits, state.hidden, true));
}

/// Many configurations from a small generator: every key with a control takes part.
#[test]
fn hundreds_of_configurations_come_back() {
    let mut random = 1u64;
    let mut next = |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for _ in 0..300 {
        let mut state = State::new();
        for setting in SETTINGS {
            if next(3) > 0 {
                continue;
            }
            let value = match setting.range {
                crate::settings::Range::Linear(low, high) => {
                    (low + (high - low) * next(1000) as f64 / 1000.0).to_string()
                }
                crate::settings::Range::Log(low, high) => {
                    (low * (high / low).powf(next(1000) as f64 / 1000.0)).to_string()
                }
                crate::settings::Range::Whole(low, high) => (low as u64 + next((high - low) as u64 + 1)).to_string(),
                crate::settings::Range::Choice(all) => all[next(all.len() as u64) as usize].to_owned(),
                crate::settings::Range::Sides(all) => {
                    format!("{},{}", all[next(2) as usize], all[2 + next(2) as usize])
                }
                crate::settings::Range::Switch => (next(2) == 1).to_string(),
                crate::settings::Range::Text => match setting.key {
                    "data" => "csv:/a b/100 % & more?=#.csv".into(),
                    "model" => r#"{"layers":[{"p":0.1,"type":"dropout"}]}"#.into(),
                    _ => "2".into(),
                },
            };
            if let Ok(config) = with(&state.config, setting.key, &value) {
                state.config = config;
            }
        }
        assert_eq!(round_trip(&state).config, state.config);
    }
}

#[test]
fn the_contracts_link_is_read() {
    let read = parse("#v=1&data=moons&optimizer=sgd,sam&rho=0.1&paused=1");
    let expected = Config { optimizer: Some("sgd,sam".into()), rho: Some(0.1), ..Config::default() };
    assert_eq!((read.config, read.paused, read.problems.len()), (expected, true, 0));
}

#[test]
fn a_link_without_settings_is_about_the_opening_duel() {
    for link in ["", "#", "#v=1", "https://example.org/#paused=1"] {
        assert_eq!(parse(link).config, presets::opening().config, "{link}");
    }
    assert_eq!(parse("#preset=sam-loses&lr=0.01").config.rho, Some(2.0));
}

#[test]
fn what_is_damaged_is_told_and_the_rest_is_read() {
    for (link, words) in [
        ("#rho=0.1&lr=x", "lr"),
        ("#rho=0.1&rhoo=3", "rhoo"),
        ("#v=9&rho=0.1", "version 9"),
        ("#v=&rho=0.1", "v is ''"),
        ("#rho=0.1&momentum=7", "momentum"),
        ("#rho=0.1&data=%ZZ", "damaged"),
        ("#rho=0.1&data=%ff", "damaged"),
        ("#rho=0.1&points=a1,2", "points"),
        ("#rho=0.1&zoom=nan", "zoom"),
        ("#rho=0.1&hide=everything", "hide"),
        ("#rho=0.1&data_size=1000000000", "data-size"),
        ("#rho=0.1&epochs=3&steps=4", "epochs"),
        ("#rho=0.1&optimizer=magic", "magic"),
        ("#rho=0.1&data_dir=/etc", "data_dir"),
    ] {
        let read = parse(link);
        assert_eq!(read.config.rho, Some(0.1), "{link}: {:?}", read.problems);
        assert!(read.problems.iter().any(|p| p.contains(words)), "{link}: {:?}", read.problems);
        check(&read.config).unwrap();
    }
}

/// No text of any kind makes it panic, and what comes of it can be trained.
#[test]
fn any_damage_leaves_something_that_can_be_trained() {
    let good = "v=1&data=circles&label_noise=0.2&lr=0.05&optimizer=sgd,sam&points=a1,2,0;m3,0.5,1&zoom=1.5&hide=rho";
    for place in 0..good.len() {
        for with in ["%", "&", "=", "\u{fffd}", "9", "-"] {
            let damaged = format!("{}{with}{}", &good[..place], &good[place + 1..]);
            check(&parse(&damaged).config).unwrap();
        }
        check(&parse(&good[..place]).config).unwrap();
    }
}

#[test]
fn the_command_line_is_what_a_shell_takes() {
    let config = Config { nesterov: true, lane: vec!["a b: rho=1".into()], rho: Some(0.2), ..Config::default() };
    assert_eq!(command_line(&config, 40), "lowland compare --lane 'a b: rho=1' --nesterov --rho 0.2 --steps 40");
    assert_eq!(command_line(&Config { steps: Some(3), ..Config::default() }, 40), "lowland compare --steps 3");
}
