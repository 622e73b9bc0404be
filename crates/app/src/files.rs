//! Files that the app writes and opens: configurations, checkpoints, curves, pictures, data.

use crate::curves::{Curves, Point, Quantity};
use crate::engine::{Duel, Engine, Weights};
use crate::state::{Layer, State};
use crate::text::messages;
use crate::{results, share};
use lowland::config::{Command, Config};
use lowland::train::{Snapshot, read_metadata, write_tensors};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::rc::Rc;

/// The kinds of files that can be saved; `checkpoint` is that of the side that is looked at, else the right one's.
pub const KINDS: &[&str] = &["config", "checkpoint", "checkpoint-left", "checkpoint-right", "csv", "surface", "png"];

/// The configuration as `lowland --config` reads it.
pub fn config(config: &Config) -> Vec<u8> {
    let mut object = config.to_object();
    object.retain(|key, value| key != "data_dir" && !value.is_null());
    format!("{:#}\n", Value::Object(object)).into_bytes()
}

/// The weights of a side with the first seed, as the program writes its `final-*.safetensors`.
///
/// # Errors
/// A sentence where there is no such side.
pub fn checkpoint(duel: &Duel, snapshot: &Snapshot, side: usize) -> Result<Vec<u8>, String> {
    let none = || messages::NO_SIDE_TO_SAVE.to_owned();
    let first = duel.sides().get(side).ok_or_else(none)?.first;
    let state = snapshot.lanes.get(first).ok_or_else(none)?;
    let setup = duel.trainer().setup();
    let lane = setup.lanes.get(first).ok_or_else(none)?;
    let config = &crate::engine::of_lane(duel.record(), side);
    let lanes = config.lanes(Command::Compare).map_err(|e| e.to_string())?;
    let of_lane = lanes.iter().find(|l| l.label == lane.label).map_or(config, |l| &l.config);
    let config = Config {
        seed: lane.seed,
        seeds: 1,
        equal_compute: false,
        model: Some(duel.model().description().into()),
        init: None,
        ..of_lane.clone()
    };
    let scaling = serde_json::to_string(&duel.data().scaling).map_err(|e| e.to_string())?;
    let metadata = HashMap::from([("lowland".to_owned(), config.to_header()), ("lowland_scaling".to_owned(), scaling)]);
    let groups = (setup.batch / setup.m) as u64;
    write_tensors(duel.model(), state, snapshot.step * groups, metadata).map_err(|e| e.to_string())
}

/// The curves as a table: the columns of a run folder's tables, a row for each measurement; of what is not measured there is
/// nothing between the commas. `batch` are the values of a step's batch, at the weights before it.
pub fn csv(curves: &Curves, steps_per_epoch: f64) -> Vec<u8> {
    let parts = [
        ("batch", Some(Quantity::BatchLoss), None),
        ("train", Some(Quantity::TrainLoss), Some(Quantity::TrainAccuracy)),
        ("train-clean", None, Some(Quantity::CleanAccuracy)),
        ("train-flipped", None, Some(Quantity::FlippedAccuracy)),
        ("test", Some(Quantity::TestLoss), Some(Quantity::TestAccuracy)),
    ];
    let mut out = String::from("optimizer,seed,step,epoch,split,loss,accuracy,sam_loss,grad_norm\n");
    for (i, lane) in curves.lanes().iter().enumerate() {
        let at = |quantity: Option<Quantity>| -> BTreeMap<u64, f32> {
            let series: &[Point] = quantity.map_or(&[], |quantity| curves.series(i, quantity));
            series.iter().map(|point| (point.step, point.value)).collect()
        };
        for (split, loss, accuracy) in parts {
            let batch = |quantity| at(Some(quantity).filter(|_| split == "batch"));
            let columns = [at(loss), at(accuracy), batch(Quantity::SamLoss), batch(Quantity::GradNorm)];
            let steps: std::collections::BTreeSet<u64> = columns.iter().flat_map(|c| c.keys().copied()).collect();
            for step in steps {
                let epoch = (step as f64 / steps_per_epoch).floor();
                let values = columns.each_ref().map(|c| c.get(&step).map_or_else(String::new, f32::to_string));
                // Writing to a string cannot fail.
                let _ = writeln!(out, "{},{},{step},{epoch},{split},{}", lane.label, lane.seed, values.join(","));
            }
        }
    }
    out.into_bytes()
}

/// A picture as PNG.
///
/// # Errors
/// A sentence where it cannot be written.
pub fn png(image: &egui::ColorImage) -> Result<Vec<u8>, String> {
    let pixels: Vec<u8> = image.pixels.iter().flat_map(|pixel| [pixel.r(), pixel.g(), pixel.b()]).collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, image.size[0] as u32, image.size[1] as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let write = encoder.write_header().and_then(|mut writer| writer.write_image_data(&pixels));
    write.map_err(messages::no_picture)?;
    Ok(bytes)
}

/// What a saved file is called.
pub fn name(kind: &str, state: &State, engine: &Engine) -> String {
    let step = engine.snapshot().map_or(0, |snapshot| snapshot.step);
    let label = |side: usize| engine.duel().and_then(|duel| duel.sides().get(side)).map_or("side", |side| &side.label);
    match kind {
        "config" => "lowland.json".into(),
        "csv" => "lowland-curves.csv".into(),
        "surface" => "lowland-surface.csv".into(),
        "png" => "lowland.png".into(),
        _ => format!("lowland-{}-{}-step{step}.safetensors", label(side_of(kind, state)), state.config.seed),
    }
}

/// The side that a kind of checkpoint is about.
pub fn side_of(kind: &str, state: &State) -> usize {
    match kind {
        "checkpoint-left" => 0,
        "checkpoint-right" => 1,
        _ => state.view.focus.unwrap_or(1),
    }
}

/// Takes a file over into `state`: what it is is read from its bytes.
///
/// # Errors
/// A sentence that says what is wrong with the file and what can be opened; nothing has changed then.
pub fn open(state: &mut State, name: &str, bytes: Vec<u8>) -> Result<(), String> {
    let Some(bytes) = crate::dropped::open(state, name, bytes)? else { return Ok(()) };
    let text = || std::str::from_utf8(&bytes).ok().map(|text| text.trim_start_matches('\u{feff}').trim());
    if bytes.get(8) == Some(&b'{') && !name.ends_with(".json") {
        return open_checkpoint(state, name, bytes);
    }
    let document = text().filter(|text| text.starts_with(['{', '[']));
    let document = document.and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(document) = document.filter(results::is_measurement) {
        return open_results(state, name, &document);
    }
    match text() {
        Some(text) if text.starts_with('{') => {
            let config = Config::from_json(text, name).and_then(|config| config.at(u64::MAX));
            let config = config.map_err(|e| e.to_string())?;
            let config = Config {
                data_dir: state.config.data_dir.clone(),
                ..duel(config).map_err(|error| messages::of_file(name, error))?
            };
            share::check(&config).map_err(|error| messages::of_file(name, error))?;
            state.take(config);
            state.say(messages::opened(name));
            Ok(())
        }
        Some(text) if text.contains("v=") && text.lines().count() == 1 => {
            state.follow(share::parse(text));
            Ok(())
        }
        _ => Err(messages::not_opened(name)),
    }
}

/// Measurements that are open at most.
const MOST_RESULTS: usize = 64;

fn open_results(state: &mut State, name: &str, document: &Value) -> Result<(), String> {
    let found = results::read(document, name)?;
    if state.results.len() + found.len() > MOST_RESULTS {
        return Err(messages::too_many_results(name, MOST_RESULTS));
    }
    state.results.extend(found);
    if !state.shows(Layer::Results) {
        state.layers.push(Layer::Results);
    }
    Ok(())
}

fn open_checkpoint(state: &mut State, name: &str, bytes: Vec<u8>) -> Result<(), String> {
    let mut metadata = read_metadata(&bytes).map_err(|e| messages::another_file(name, e))?;
    if metadata.contains_key(lowland::run::CHECKPOINT_KEY) {
        return Err(messages::whole_state(name));
    }
    let config = match metadata.remove("lowland") {
        Some(header) => {
            let (config, unknown) = Config::from_header(&header, name).map_err(|e| e.to_string())?;
            if !unknown.is_empty() {
                state.warn(messages::other_version(name, &unknown));
            }
            let config = config.at(u64::MAX).map_err(|e| messages::of_file(name, e))?;
            Config { data_dir: state.config.data_dir.clone(), ..duel(config)? }
        }
        // A file of PyTorch's is for the network that is on screen.
        None => state.config.clone(),
    };
    share::check(&config).map_err(|error| messages::of_file(name, error))?;
    state.take(config);
    state.weights = Some(Rc::new(Weights { name: name.to_owned(), bytes }));
    state.say(messages::opened_weights(name));
    Ok(())
}

/// A configuration of one lane as one that the app trains: against plain SGD, or SGD against SAM.
pub fn duel(config: Config) -> Result<Config, String> {
    let lanes = config.lanes(Command::Compare).map_err(|e| e.to_string())?;
    if lanes.len() > 1 {
        return Ok(config);
    }
    let optimizer = match config.optimizer.as_deref() {
        None | Some("sgd" | "sam") => "sgd,sam".to_owned(),
        Some(other) => format!("sgd,{other}"),
    };
    Ok(Config { optimizer: Some(optimizer), lane: Vec::new(), ..config })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_configuration_opens_in_the_app_and_in_the_program() {
        let mut state = State::new();
        state.config.seed = 9;
        let bytes = config(&state.config);
        let read = Config::from_json(std::str::from_utf8(&bytes).unwrap(), "x").unwrap();
        assert_eq!(read, state.config);
        let mut other = State::new();
        open(&mut other, "lowland.json", bytes).unwrap();
        assert_eq!(other.config, state.config);
    }

    #[test]
    fn one_lane_becomes_a_duel() {
        for (optimizer, both) in [(Some("sam"), "sgd,sam"), (Some("asam"), "sgd,asam")] {
            let config = Config { optimizer: optimizer.map(Into::into), ..Config::default() };
            assert_eq!(duel(config).unwrap().optimizer.as_deref(), Some(both));
        }
        assert_eq!(duel(Config::default()).unwrap().optimizer, None);
    }

    #[test]
    fn what_cannot_be_opened_is_told_and_changes_nothing() {
        for (name, bytes) in [
            ("a.json", &b"{"[..]),
            ("a.json", b"{\"rhoo\": 1}"),
            ("a.json", b"{\"momentum\": 7}"),
            ("a.png", b"\x89PNG"),
            ("a.safetensors", b"\x08\0\0\0\0\0\0\0{\"a\":1}"),
            ("a.txt", b"hello"),
            ("empty", b""),
        ] {
            let mut state = State::new();
            let error = open(&mut state, name, bytes.to_vec()).unwrap_err();
            assert!(error.contains(name), "{error}");
            assert_eq!(state.config, State::new().config);
        }
    }

    #[test]
    fn a_link_in_a_file_is_followed() {
        let mut state = State::new();
        open(&mut state, "link.txt", b"https://example.org/#v=1&rho=0.3\n".to_vec()).unwrap();
        assert_eq!(state.config.rho, Some(0.3));
    }

    #[test]
    fn curves_are_a_table_with_one_row_a_measurement() {
        use lowland::train::{Evaluation, Part, StepMetrics};
        let mut curves = Curves::default();
        curves.begin([("sam".to_owned(), 3, 2)]);
        let e = Evaluation { lane: 0, step: 20, part: Part::Test, loss: 0.5, accuracy: 0.75, top5: 1.0, examples: 8 };
        curves.evaluation(0, &e);
        let metrics = StepMetrics { lane: 0, step: 5, loss: 0.1, sam_loss: Some(0.2), grad_norm: 3.0, ..metrics() };
        curves.step(0, &metrics);
        let text = String::from_utf8(csv(&curves, 10.0)).unwrap();
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[1..], ["sam,3,5,0,batch,0.1,,0.2,3", "sam,3,20,2,test,0.5,0.75,,"]);
    }

    fn metrics() -> lowland::train::StepMetrics {
        lowland::train::StepMetrics {
            lane: 0,
            step: 0,
            loss: 0.0,
            sam_loss: None,
            second_order_cosine: None,
            accuracy: 0.0,
            grad_norm: 0.0,
            lr: 0.0,
            rho: 0.0,
        }
    }
}
