//! Sizes that small cases do not reach: grids that are folded because they have more than 65,535 workgroups.

use lowland::config::{Command, Config};
use lowland::data;
use lowland::train::Trainer;
use lowland_tests::any_gpu;

#[test]
fn a_grid_of_more_workgroups_than_a_direction_holds_is_folded() {
    let Some(gpu) = any_gpu() else { return };
    // The second layer has 68 x 65,536 weights: 69,632 workgroups of 64 draw them.
    let config = Config { model: Some("mlp:68,65536".into()), batch: Some(2), steps: Some(1), ..Config::default() };
    let data = data::load(&config).unwrap();
    let model = config.model(data.shape, data.classes).unwrap();
    let setups = config.setups(&config.lanes(Command::Train).unwrap(), &data, &model).unwrap();
    let trainer = pollster::block_on(Trainer::new(gpu, &model, &data, setups[0].clone(), None)).unwrap();
    let weights = pollster::block_on(trainer.snapshot(gpu)).unwrap().lanes.remove(0).weights;
    let drawn = model.parameters().iter().find(|tensor| tensor.name == "layers.1.weight").unwrap();
    let values = drawn.unpack(&weights);
    // A GPU's cosine can be exactly 0 for one in millions; what no workgroup draws comes in 64s.
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    assert!(zeros < 64, "{zeros} weights were not drawn");
    let deviation = (values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    assert!((deviation - (2.0f64 / 68.0).sqrt()).abs() < 1e-3, "{deviation}");
}
