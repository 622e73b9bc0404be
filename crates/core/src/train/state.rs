//! The state of lanes on the host, and its safetensors form: PyTorch's names, shapes and layouts.

use crate::model::{Model, Tensor};
use crate::{Error, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::mem::discriminant;

/// All lanes at one step.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// Steps done.
    pub step: u64,
    /// The lanes, in the trainer's order.
    pub lanes: Vec<LaneState>,
}

/// One lane in the arenas' layout.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneState {
    /// Weights: w, never w + e.
    pub weights: Vec<f32>,
    /// Running statistics.
    pub running: Vec<f32>,
    /// The base optimizer's moments (momentum; Adam's two).
    pub moments: Vec<Vec<f32>>,
}

impl Snapshot {
    /// The same state for the lanes of `after`, whose optimizers may be others than those of `before`, the setup that it
    /// comes from: moments of another kind of base step mean nothing to the new one and are left out, so that it starts
    /// without any. [`super::Trainer::new`] goes on from it.
    #[must_use]
    pub fn for_setup(mut self, before: &super::Setup, after: &super::Setup) -> Self {
        for ((state, before), after) in self.lanes.iter_mut().zip(&before.lanes).zip(&after.lanes) {
            if discriminant(&before.optimizer.base) != discriminant(&after.optimizer.base) {
                state.moments.clear();
            }
        }
        self
    }
}

/// The prefix of a moment's tensors in a checkpoint; files without them are plain weights.
fn moment_prefix(moment: usize) -> String {
    format!("optimizer.{moment}.")
}

const BATCHES: &str = "num_batches_tracked";

/// One tensor on its way into a file: name, type, shape, bytes.
type Entry = (String, Dtype, Vec<usize>, Vec<u8>);

/// The tensors of a lane under `prefix`: parameters, running statistics with their count of batches, and moments.
pub(crate) fn entries(model: &Model, state: &LaneState, batches: u64, prefix: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut add = |prefix: &str, list: &[Tensor], arena: &[f32]| {
        for tensor in list {
            let bytes = bytemuck::cast_slice(&tensor.unpack(arena)).to_vec();
            entries.push((format!("{prefix}{}", tensor.name), Dtype::F32, tensor.kind.shape(), bytes));
        }
    };
    add(prefix, model.parameters(), &state.weights);
    add(prefix, model.running(), &state.running);
    for (i, moment) in state.moments.iter().enumerate() {
        add(&format!("{prefix}{}", moment_prefix(i)), model.parameters(), moment);
    }
    for mean in model.running().iter().filter_map(|t| t.name.strip_suffix("running_mean")) {
        let bytes = (batches as i64).to_le_bytes().to_vec();
        entries.push((format!("{prefix}{mean}{BATCHES}"), Dtype::I64, Vec::new(), bytes));
    }
    entries
}

/// The bytes of a safetensors file.
///
/// # Errors
/// [`Error::Run`] where the tensors do not make a file.
pub(crate) fn serialize(entries: &[Entry], metadata: HashMap<String, String>) -> Result<Vec<u8>> {
    entries
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((name.as_str(), TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
        .and_then(|views| safetensors::serialize(views, Some(metadata)))
        .map(|bytes| in_order(&bytes).unwrap_or(bytes))
        .map_err(|e| Error::run(format!("a checkpoint could not be written: {e}.")))
}

/// The same file with the keys of its header in order: the library leaves those of the metadata to chance, and equal runs
/// write equal bytes.
fn in_order(file: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = file.split_first_chunk::<8>()?;
    let (header, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let mut header: serde_json::Value = serde_json::from_slice(header).ok()?;
    header.sort_all_objects();
    let mut header = header.to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    Some([&(header.len() as u64).to_le_bytes(), &header[..], data].concat())
}

/// A lane's weights as a safetensors file that PyTorch loads; `metadata` goes into its header, and `batches`, how many
/// batches (or groups of them) its running statistics have seen, beside these.
///
/// # Errors
/// [`Error::Run`] where the tensors do not make a file.
pub fn write_tensors(
    model: &Model,
    state: &LaneState,
    batches: u64,
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>> {
    let weights_only = LaneState { moments: Vec::new(), ..state.clone() };
    serialize(&entries(model, &weights_only, batches, ""), metadata)
}

/// A direction in the arenas' layout as a safetensors file with the parameters' names and shapes, and nothing else.
///
/// # Errors
/// [`Error::Run`] where the tensors do not make a file.
pub fn write_direction(model: &Model, direction: &[f32], metadata: HashMap<String, String>) -> Result<Vec<u8>> {
    let entry = |tensor: &Tensor| {
        let bytes = bytemuck::cast_slice(&tensor.unpack(direction)).to_vec();
        (tensor.name.clone(), Dtype::F32, tensor.kind.shape(), bytes)
    };
    serialize(&model.parameters().iter().map(entry).collect::<Vec<_>>(), metadata)
}

/// The header's metadata of a safetensors file.
///
/// # Errors
/// [`Error::Input`] for a damaged file.
pub fn read_metadata(bytes: &[u8]) -> Result<HashMap<String, String>> {
    // The whole file is looked at: one that was cut short has a good header.
    SafeTensors::deserialize(bytes).map_err(damaged)?;
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(damaged)?;
    Ok(metadata.metadata().clone().unwrap_or_default())
}

fn damaged(error: safetensors::SafeTensorError) -> Error {
    Error::input(format!("it is not a whole safetensors file ({error})"))
}

/// Reads a lane that [`write_tensors`] or PyTorch wrote. `source` names the file in messages.
///
/// # Errors
/// [`Error::Input`] for a damaged file, and for tensors of another model, by name.
pub fn read_tensors(model: &Model, bytes: &[u8], source: &str) -> Result<LaneState> {
    let whole = SafeTensors::deserialize(bytes);
    let file = whole.map_err(|e| Error::input(format!("{source}: {}. Take another file.", damaged(e))))?;
    let ours = |name: &str| name.ends_with(BATCHES) || name.starts_with("optimizer.");
    let known = |name: &&str| model.parameters().iter().chain(model.running()).any(|tensor| tensor.name == *name);
    let kinds = file.tensors().into_iter().map(|(name, view)| (name, view.dtype()));
    let unread = |kind: &Dtype| !matches!(kind, Dtype::F32 | Dtype::F64);
    if let Some((name, kind)) = kinds.filter(|(name, kind)| known(&name.as_str()) && unread(kind)).min() {
        return Err(Error::input(format!("{source}: {name} is {kind:?}; F32 and F64 are read, so convert it to F32.")));
    }
    let advice = "Give the model it belongs to with --model (and --norm)";
    let state = read_lane(model, bytes, "", 0).map_err(|e| Error::input(format!("{source}: {e}. {advice}.")))?;
    // A network that leaves some of the tensors out computes something else.
    match file.names().into_iter().filter(|name| !known(name) && !ours(name)).min() {
        Some(name) => {
            Err(Error::input(format!("{source} has the tensor {name}, which {} has not. {advice}.", model.name())))
        }
        None => Ok(state),
    }
}

/// Reads a lane under `prefix`, with `moments` moments. Messages lack the file's name and what to do.
pub(crate) fn read_lane(model: &Model, bytes: &[u8], prefix: &str, moments: usize) -> Result<LaneState> {
    let file = SafeTensors::deserialize(bytes).map_err(damaged)?;
    let fill = |prefix: &str, list: &[Tensor], floats: usize| -> Result<Vec<f32>> {
        let mut arena = vec![0.0; floats];
        for tensor in list {
            let name = format!("{prefix}{}", tensor.name);
            let view = file.tensor(&name).map_err(|_| {
                let mut there = file.names();
                there.sort_unstable();
                there.truncate(6);
                let there = if there.is_empty() { "none at all".into() } else { there.join(", ") };
                Error::input(format!("there is no tensor {name}, which {} needs; there are {there}", model.name()))
            })?;
            if view.shape() != tensor.kind.shape() {
                return Err(Error::input(format!(
                    "{name} has shape {:?}, {} needs {:?}",
                    view.shape(),
                    model.name(),
                    tensor.kind.shape()
                )));
            }
            tensor.pack(&floats_of(&view, &name)?, &mut arena);
        }
        Ok(arena)
    };
    let parameters = model.parameter_floats();
    Ok(LaneState {
        weights: fill(prefix, model.parameters(), parameters)?,
        running: fill(prefix, model.running(), model.running_floats())?,
        moments: (0..moments)
            .map(|i| fill(&format!("{prefix}{}", moment_prefix(i)), model.parameters(), parameters))
            .collect::<Result<_>>()?,
    })
}

fn floats_of(view: &TensorView<'_>, name: &str) -> Result<Vec<f32>> {
    match view.dtype() {
        Dtype::F32 => Ok(view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()),
        Dtype::F64 => Ok(view
            .data()
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32)
            .collect()),
        other => Err(Error::input(format!("{name} is {other:?}, not F32"))),
    }
}
