//! One layer of the engine on a bench: random contents for each slot that its rows use, sentinels everywhere else.
//!
//! The launches are those that the engine itself records, so their numbers of workgroups and slices are tested too.

use crate::bench::{Bench, Ran};
use crate::compare::{Tolerance, Want, check};
use crate::tangent::{Motion, Moves, RowMotion};
use crate::{layout, twin};
use lowland::config::Activation;
use lowland::data::Shape;
use lowland::gpu::{BufferId, Gpu};
use lowland::model::{Arenas, Edge, Emitter, Layer, Mode, Node, Parameter, Pass, Sizes, Tensor as Place};
use lowland::rng::{Rng, Stream};
use lowland_reference::Tensor;
use std::collections::HashMap;

/// Rows of the z axis (weights, data, work, lane) over the slots of each kind.
#[derive(Clone, Debug)]
pub struct Slots {
    /// The rows.
    pub rows: Vec<[u32; 4]>,
    /// Slots of weights.
    pub weights: usize,
    /// Slots of data.
    pub data: usize,
    /// Slots of work.
    pub work: usize,
    /// Lanes.
    pub lanes: usize,
}

impl Slots {
    /// One row, all slots 0.
    pub fn one() -> Self {
        Self { rows: vec![[0; 4]], weights: 1, data: 1, work: 1, lanes: 1 }
    }

    /// Two rows, out of order, that leave slots of each kind alone.
    pub fn scattered() -> Self {
        Self { rows: vec![[2, 1, 0, 1], [0, 3, 3, 2]], weights: 3, data: 4, work: 5, lanes: 4 }
    }
}

/// The seeds of lanes 0, 1, ...
pub const SEEDS: [u32; 5] = [7, 123_456_789, 0, u32::MAX, 42];
/// The step that a layer runs in.
pub const STEP: u32 = 1_000_003;
/// Place of its first example in the step's whole batch.
pub const FIRST_EXAMPLE: usize = 6;
/// Place of the layer in its network.
pub const INDEX: usize = 3;

/// A layer and what it is fed.
pub struct LayerCase<'a> {
    /// Names the case in failures.
    pub name: String,
    /// The layer.
    pub layer: &'a dyn Layer,
    /// Shape of an input.
    pub input: Shape,
    /// Examples.
    pub batch: usize,
    /// Rows.
    pub slots: Slots,
    /// The activation that made the input.
    pub input_activation: Option<Activation>,
    /// Whether the input is the network's: it lies by data slot and has no gradient.
    pub by_data: bool,
    /// How it runs.
    pub mode: Mode,
    /// Draws the input before its activation.
    pub values: fn(&mut Rng) -> f32,
    /// Whether the derivative of both passes along a direction is recorded after them; the mode has gradients then.
    pub moves: Option<Moves>,
}

/// A layer that has run: what it was fed, and the buffers.
pub struct LayerRun<'a> {
    pub(crate) case: LayerCase<'a>,
    /// Input before its activation, by slot.
    pub before: Vec<Tensor>,
    /// Input by slot.
    pub x: Vec<Tensor>,
    /// The second input by slot, where the layer has one, and the gradient that it has already.
    pub branch: Option<(Vec<Tensor>, Vec<Tensor>)>,
    /// Trained tensors by slot.
    pub weights: Vec<Vec<Tensor>>,
    /// Running tensors by lane.
    pub running: Vec<Vec<Tensor>>,
    /// Gradient of the output by slot of work.
    pub dy: Vec<Tensor>,
    /// The direction that it moves along, where it does.
    pub motion: Option<Motion>,
    pub(crate) node: Node,
    pub(crate) sizes: Sizes,
    arenas: Arenas,
    pub(crate) ran: Ran,
}

/// Of the second input; from its output a relu's derivative is that from its input.
const BRANCH_ACTIVATION: Option<Activation> = Some(Activation::Relu);

/// Uniform in -1..1.
pub fn uniform(rng: &mut Rng) -> f32 {
    2.0 * rng.uniform() - 1.0
}

/// A tensor of drawn values.
pub fn draw(rng: &mut Rng, shape: &[usize], values: impl Fn(&mut Rng) -> f32) -> Tensor {
    let data: Vec<f32> = (0..shape.iter().product()).map(|_| values(rng)).collect();
    Tensor::from_f32(shape, &data)
}

pub(crate) fn dims(batch: usize, shape: Shape) -> [usize; 4] {
    [batch, shape.channels, shape.height, shape.width]
}

/// Places of a layer's tensors, not at 0, and the floats of a slot, more than they need.
fn places(parameters: Vec<Parameter>) -> (Vec<Place>, usize) {
    let mut offset = 8;
    let mut place = |p: Parameter| {
        let own = Place { name: p.name.to_owned(), kind: p.kind, init: p.init, offset };
        offset += layout::weight_floats(&Tensor::zeros(&p.kind.shape()));
        own
    };
    let list = parameters.into_iter().map(&mut place).collect();
    (list, offset + 4)
}

impl<'a> LayerCase<'a> {
    /// A case with one row, uniform inputs and an input gradient, that trains.
    pub fn new(name: impl Into<String>, layer: &'a dyn Layer, input: Shape, batch: usize) -> Self {
        Self {
            name: name.into(),
            layer,
            input,
            batch,
            slots: Slots::one(),
            input_activation: None,
            by_data: false,
            mode: Mode::Train { update_running: true },
            values: uniform,
            moves: None,
        }
    }

    /// Runs forward, and backward where the mode asks for gradients.
    ///
    /// # Panics
    /// Where the layer does not take the input.
    pub fn run(self, gpu: &Gpu) -> LayerRun<'a> {
        let output = self.layer.output(self.input).unwrap();
        let (parameters, parameter_floats) = places(self.layer.parameters(self.input));
        let (running_places, running_floats) = places(self.layer.running(self.input));
        let slots = &self.slots;
        let x_slots = if self.by_data { slots.data } else { slots.work };
        let seed = self.batch as u32 + 1000 * self.input.channels as u32;
        let rng = &mut Rng::new(seed, Stream::Data, 7);

        let before: Vec<_> = (0..x_slots).map(|_| draw(rng, &dims(self.batch, self.input), self.values)).collect();
        let activate = |z: &Tensor| match self.input_activation {
            Some(activation) => z.map(|z| f64::from(twin(activation).value(z) as f32)),
            None => z.clone(),
        };
        let x: Vec<_> = before.iter().map(activate).collect();
        let dy: Vec<_> = (0..slots.work).map(|_| draw(rng, &dims(self.batch, output), uniform)).collect();
        let tensors = |rng: &mut Rng, list: &[Place], values: fn(&mut Rng) -> f32| -> Vec<Tensor> {
            list.iter().map(|place| draw(rng, &place.kind.shape(), values)).collect()
        };
        let weights: Vec<_> = (0..slots.weights).map(|_| tensors(rng, &parameters, uniform)).collect();
        let running: Vec<_> = (0..slots.lanes).map(|_| tensors(rng, &running_places, |r| r.uniform() + 0.5)).collect();

        let branch = self.layer.branch().map(|_| {
            let mut images = || -> Vec<Tensor> {
                (0..slots.work).map(|_| draw(rng, &dims(self.batch, self.input), uniform)).collect()
            };
            (images(), images())
        });

        let mut bench = Bench::default();
        let x_column = if self.by_data { 1 } else { 2 };
        let images = |list: &[Tensor], column| by_slot(list, slots, column, layout::image);
        let value = bench.input("x", &images(&x, x_column));
        let saved = match self.input_activation {
            Some(Activation::Gelu | Activation::Silu) => bench.input("x before", &images(&before, x_column)),
            _ => value,
        };
        let x_floats = x_slots * layout::image_floats(&x[0]);
        let grad = (!self.by_data).then(|| bench.output("dx", x_floats));
        let activation = self.input_activation;
        let input = Edge { shape: self.input, value, saved, grad, activation, by_data: self.by_data };
        let branch_edge = branch.as_ref().map(|(b, grad)| {
            let value = bench.input("branch", &images(b, 2));
            let grad = Some(bench.changed("gradient of the branch", &images(grad, 2)));
            Edge { shape: self.input, value, saved: value, grad, activation: BRANCH_ACTIVATION, by_data: false }
        });
        let y_floats = slots.work * layout::image_floats(&dy[0]);
        let value = bench.output("y", y_floats);
        let saved = match self.layer.activation() {
            Some(Activation::Gelu | Activation::Silu) => bench.output("z", y_floats),
            _ => value,
        };
        let grad = Some(bench.input("dy", &images(&dy, 2)));
        let activation = self.layer.activation();
        let output = Edge { shape: output, value, saved, grad, activation, by_data: false };
        let arena = |list: &[Tensor], place: &[Place], floats| {
            arena(list, place, floats, f32::from_bits(crate::bench::SENTINEL))
        };
        let weight_arena = by_slot(&weights, slots, 0, |list| arena(list, &parameters, parameter_floats));
        let running_arena: Vec<f32> =
            running.iter().flat_map(|list| arena(list, &running_places, running_floats)).collect();
        let arenas = Arenas {
            grads: bench.output("grads", slots.work * parameter_floats),
            running: bench.changed("running", &running_arena),
            unused: bench.input("unused", &[0.0f32; 4]),
            seeds: bench.input("seeds", &SEEDS),
            clock: bench.input("clock", &[STEP, STEP, FIRST_EXAMPLE as u32]),
        };
        let sizes = Sizes {
            batch: self.batch,
            lanes: slots.work,
            data_slots: slots.data,
            parameters: parameter_floats,
            running: running_floats,
        };
        let node = Node { index: INDEX, input, branch: branch_edge, output, parameters, running: running_places };
        let (weight_buffer, rows) = (bench.input("weights", &weight_arena), bench.table(&slots.rows));
        let mut motion =
            self.moves.map(|moves| Motion::new(rng, &mut bench, slots, self.batch, &node, moves, parameter_floats));
        let pass = Pass { weights: weight_buffer, rows, mode: self.mode, batch: self.batch };
        let mut scratch = HashMap::new();
        let mut emitter = Emitter {
            recording: &mut bench.recording,
            scratch: &mut scratch,
            sizes,
            arenas,
            family: gpu.family(),
            pass,
            dispatches: Vec::new(),
        };
        self.layer.forward(&node, &mut emitter);
        if self.mode.differentiates() {
            self.layer.backward(&node, &mut emitter);
            self.layer.backward_branch(&node, &mut emitter);
        }
        if let Some(motion) = &mut motion {
            motion.record(self.layer, &node, &mut emitter);
        }
        bench.dispatches = emitter.dispatches;
        bench.scratch = scratch.into_values().collect();
        motion.iter().flat_map(Motion::seconds).for_each(|second| bench.watch(second));
        let ran = bench.run(gpu, 1);
        LayerRun { case: self, before, x, branch, weights, running, dy, motion, node, sizes, arenas, ran }
    }
}

/// `pack` of each slot that a row uses by `column`, sentinels for the others.
pub(crate) fn by_slot<T>(list: &[T], slots: &Slots, column: usize, pack: impl Fn(&T) -> Vec<f32>) -> Vec<f32> {
    let used = |slot: usize| slots.rows.iter().any(|row| row[column] as usize == slot);
    let blank = |floats: Vec<f32>| vec![f32::from_bits(crate::bench::SENTINEL); floats.len()];
    let each = |(slot, item): (usize, &T)| if used(slot) { pack(item) } else { blank(pack(item)) };
    list.iter().enumerate().flat_map(each).collect()
}

pub(crate) fn arena(list: &[Tensor], places: &[Place], floats: usize, blank: f32) -> Vec<f32> {
    let mut out = vec![blank; floats];
    for (tensor, place) in list.iter().zip(places) {
        let values = layout::weight(tensor);
        out[place.offset..place.offset + values.len()].copy_from_slice(&values);
    }
    out
}

/// A row with what its slots hold.
pub struct RowOf<'a> {
    /// Input.
    pub x: &'a Tensor,
    /// Second input.
    pub branch: Option<&'a Tensor>,
    /// Seed of its lane.
    pub seed: u32,
    /// Trained tensors.
    pub weights: &'a [Tensor],
    /// Running tensors before the run.
    pub running: &'a [Tensor],
    /// Gradient of the output, before its activation.
    pub dy: &'a Tensor,
    /// The direction that it moves along, where it does.
    pub motion: Option<RowMotion<'a>>,
}

impl LayerRun<'_> {
    pub(crate) fn row(&self, [weights, data, work, lane]: [u32; 4]) -> RowOf<'_> {
        let x = if self.case.by_data { data } else { work };
        RowOf {
            x: &self.x[x as usize],
            branch: self.branch.as_ref().map(|(b, _)| &b[work as usize]),
            seed: SEEDS[lane as usize],
            weights: &self.weights[weights as usize],
            running: &self.running[lane as usize],
            dy: &self.dy[work as usize],
            motion: self.motion.as_ref().map(|motion| motion.row(weights, work)),
        }
    }

    /// Checks `buffer`: what `want` says of each row at the slot of its `column`, untouched elsewhere.
    fn check(
        &self,
        what: &str,
        buffer: BufferId,
        column: usize,
        tolerance: Tolerance,
        want: impl Fn(&RowOf<'_>, usize) -> Vec<Want>,
    ) {
        let mut all = Vec::new();
        for row in &self.case.slots.rows {
            let slot = row[column] as usize;
            let own = want(&self.row(*row), slot);
            all.resize(all.len().max((slot + 1) * own.len()), Want::Untouched);
            all[slot * own.len()..(slot + 1) * own.len()].copy_from_slice(&own);
        }
        check(&format!("{} of {}", what, self.case.name), self.ran.bits(buffer), &all, tolerance);
    }

    /// Checks the output against its value before the activation.
    pub fn check_output(&self, tolerance: Tolerance, z: impl Fn(&RowOf<'_>) -> Tensor) {
        let output = &self.node.output;
        let activate = |z: Tensor| match output.activation {
            Some(activation) => z.map(|z| twin(activation).value(z)),
            None => z,
        };
        self.check("output", output.value, 2, tolerance, |row, _| layout::want_image(&activate(z(row))));
        if output.saved != output.value {
            self.check("saved output", output.saved, 2, tolerance, |row, _| layout::want_image(&z(row)));
        }
    }

    /// Checks the input's gradient against the one before the derivative of the input's activation.
    ///
    /// # Panics
    /// Where the input has no gradient.
    pub fn check_grad_input(&self, tolerance: Tolerance, dx: impl Fn(&RowOf<'_>) -> Tensor) {
        let derivative = |z: f64| self.case.input_activation.map_or(1.0, |activation| twin(activation).derivative(z));
        self.check("gradient of the input", self.node.input.grad.unwrap(), 2, tolerance, |row, slot| {
            layout::want_image(&dx(row).zip(&self.before[slot], |dx, z| dx * derivative(z)))
        });
    }

    /// Checks that the second input's gradient is what was there and the derivative of the branch's activation times `db`.
    ///
    /// # Panics
    /// Where there is no second input.
    pub fn check_grad_branch(&self, tolerance: Tolerance, db: impl Fn(&RowOf<'_>) -> Tensor) {
        let grad = self.node.branch.as_ref().and_then(|branch| branch.grad).unwrap();
        let there = &self.branch.as_ref().unwrap().1;
        let derivative = |y: f64| BRANCH_ACTIVATION.map_or(1.0, |activation| twin(activation).derivative(y));
        self.check("gradient of the branch", grad, 2, tolerance, |row, slot| {
            let own = db(row).zip(row.branch.unwrap(), |db, y| db * derivative(y));
            layout::want_image(&there[slot].zip(&own, |a, b| a + b))
        });
    }

    /// Checks the gradients of the trained tensors; what lies between them must be untouched.
    pub fn check_grads(&self, tolerance: Tolerance, grads: impl Fn(&RowOf<'_>) -> Vec<Tensor>) {
        self.check("gradient of the weights", self.arenas.grads, 2, tolerance, |row, _| {
            want_arena(&grads(row), &self.node.parameters, self.sizes.parameters)
        });
    }

    /// Checks the running tensors of the lanes of the rows; all others must be as they were.
    pub fn check_running(&self, tolerance: Tolerance, after: impl Fn(&RowOf<'_>) -> Vec<Tensor>) {
        let mut all: Vec<Want> = Vec::new();
        for (lane, before) in self.running.iter().enumerate() {
            let row = self.case.slots.rows.iter().find(|row| row[3] as usize == lane);
            let exact = arena(before, &self.node.running, self.sizes.running, f32::from_bits(crate::bench::SENTINEL));
            match row {
                Some(row) => all.extend(want_arena(&after(&self.row(*row)), &self.node.running, self.sizes.running)),
                None => all.extend(exact.into_iter().map(Want::Exactly)),
            }
        }
        check(&format!("running tensors of {}", self.case.name), self.ran.bits(self.arenas.running), &all, tolerance);
    }
}

pub(crate) fn want_arena(list: &[Tensor], places: &[Place], floats: usize) -> Vec<Want> {
    let mut out = vec![Want::Untouched; floats];
    for (tensor, place) in list.iter().zip(places) {
        let own = layout::want_weight(tensor);
        out[place.offset..place.offset + own.len()].copy_from_slice(&own);
    }
    out
}
