//! Fixtures that `record_pytorch.py` and `record_probes.py` wrote.

use lowland::data::{Dataset, Inputs, Scaling, Shape, Split};
use lowland::model::{Init, Model};
use lowland::train::LaneState;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use std::collections::BTreeMap;

/// One recorded network.
#[derive(Debug)]
pub struct Fixture {
    /// All tensors with their shapes, as f64.
    pub tensors: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
    /// Shape, classes, and the model's settings.
    pub network: Value,
    /// Settings of each training run.
    pub cases: BTreeMap<String, Value>,
    /// The cases of sharpness.
    pub sharpness: Vec<Value>,
}

/// All tensors of a safetensors file as f64.
///
/// # Panics
/// Where it is none.
pub fn tensors(bytes: &[u8]) -> BTreeMap<String, (Vec<usize>, Vec<f64>)> {
    let tensor = |(name, view): (String, safetensors::tensor::TensorView<'_>)| {
        let chunks = |size: usize| view.data().chunks(size);
        let data: Vec<f64> = match view.dtype() {
            Dtype::F64 => chunks(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect(),
            Dtype::I64 => chunks(8).map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()) as f64).collect(),
            Dtype::F32 => chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()).into()).collect(),
            Dtype::U8 => chunks(1).map(|bytes| bytes[0].into()).collect(),
            other => panic!("{name} is {other:?}"),
        };
        (name, (view.shape().to_vec(), data))
    };
    SafeTensors::deserialize(bytes).unwrap().tensors().into_iter().map(tensor).collect()
}

impl Fixture {
    /// Reads `tests/fixtures/FILE.safetensors`.
    ///
    /// # Panics
    /// Where it is damaged.
    pub fn read(file: &str) -> Self {
        let path = format!("{}/fixtures/{file}.safetensors", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
        let json = |key: &str| header.metadata().as_ref().unwrap()[key].as_str();
        let (network, cases) =
            (serde_json::from_str(json("network")).unwrap(), serde_json::from_str(json("cases")).unwrap());
        let sharpness = header.metadata().as_ref().unwrap().get("sharpness");
        let sharpness = sharpness.map_or(Vec::new(), |text| serde_json::from_str(text).unwrap());
        Self { tensors: tensors(&bytes), network, cases, sharpness }
    }

    /// The values of a tensor.
    ///
    /// # Panics
    /// Where it is not there.
    pub fn values(&self, key: &str) -> &[f64] {
        &self.tensors.get(key).unwrap_or_else(|| panic!("the fixture has no {key}")).1
    }

    /// The same as f32.
    pub fn floats(&self, key: &str) -> Vec<f32> {
        self.values(key).iter().map(|value| *value as f32).collect()
    }

    /// The examples, both to train and to test.
    ///
    /// # Panics
    /// Where the network's shape is not there.
    pub fn data(&self) -> Dataset {
        let [channels, height, width] = serde_json::from_value(self.network["shape"].clone()).unwrap();
        let split = Split {
            inputs: Inputs::Bytes(self.values("inputs").iter().map(|value| *value as u8).collect()),
            labels: self.values("labels").iter().map(|value| *value as u16).collect(),
            flipped: Vec::new(),
        };
        Dataset {
            name: "recorded".into(),
            shape: Shape { channels, height, width },
            classes: serde_json::from_value(self.network["classes"].clone()).unwrap(),
            train: split.clone(),
            val: None,
            test: split,
            scaling: Scaling { mean: self.floats("scaling/mean"), std: self.floats("scaling/std") },
        }
    }

    /// The initial state of a lane.
    ///
    /// # Panics
    /// Where a running tensor does not start as a constant.
    pub fn initial(&self, model: &Model) -> LaneState {
        let mut weights = vec![0.0; model.parameter_floats()];
        for tensor in model.parameters() {
            tensor.pack(&self.floats(&format!("init/{}", tensor.name)), &mut weights);
        }
        let mut running = vec![0.0; model.running_floats()];
        for tensor in model.running() {
            let Init::Constant(value) = tensor.init else { panic!("{} starts as a constant", tensor.name) };
            tensor.pack(&vec![value; tensor.kind.len()], &mut running);
        }
        LaneState { weights, running, moments: Vec::new() }
    }

    /// The state that is recorded under `prefix`, running statistics included.
    pub fn state(&self, model: &Model, prefix: &str) -> LaneState {
        let fill = |list: &[lowland::model::Tensor], floats: usize| {
            let mut arena = vec![0.0; floats];
            list.iter().for_each(|t| t.pack(&self.floats(&format!("{prefix}/{}", t.name)), &mut arena));
            arena
        };
        LaneState {
            weights: fill(model.parameters(), model.parameter_floats()),
            running: fill(model.running(), model.running_floats()),
            moments: Vec::new(),
        }
    }
}
