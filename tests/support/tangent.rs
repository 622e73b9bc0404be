//! A layer of the bench whose weights, and input, move along a direction: what it says of the tangents of its two passes.

use super::layer::{LayerRun, RowOf, Slots, arena, by_slot, dims, draw, uniform, want_arena};
use crate::bench::{Bench, SENTINEL};
use crate::compare::{Tolerance, Want, check};
use crate::layout;
use lowland::data::Shape;
use lowland::gpu::BufferId;
use lowland::model::{Edge, Emitter, Layer, Node, TangentNode};
use lowland::rng::Rng;
use lowland_reference::Tensor;

/// What moves besides the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// Nothing: the layer is the first with weights.
    Weights,
    /// The input, as behind other layers.
    Input,
}

/// Tangents that a layer was given, and the buffers of those that it made.
pub struct Motion {
    /// Of the input, by slot of work.
    pub x: Vec<Tensor>,
    /// Of the gradient of the output, by slot of work.
    pub dy: Vec<Tensor>,
    /// Of the weights, by slot.
    pub weights: Vec<Vec<Tensor>>,
    tangent: Node,
    directions: BufferId,
    products: [BufferId; 2],
    /// The second terms of output and input's gradient, where the layer leaves any.
    second: [Option<BufferId>; 2],
}

/// The tangents of a row.
#[derive(Clone, Copy)]
pub struct RowMotion<'a> {
    /// Of the input.
    pub x: &'a Tensor,
    /// Of the gradient of the output.
    pub dy: &'a Tensor,
    /// Of the weights.
    pub weights: &'a [Tensor],
}

impl Motion {
    /// Draws tangents for `node` and declares the buffers.
    pub(super) fn new(
        rng: &mut Rng,
        bench: &mut Bench,
        slots: &Slots,
        batch: usize,
        node: &Node,
        moves: Moves,
        parameter_floats: usize,
    ) -> Self {
        let still = moves == Moves::Weights;
        let mut images = |shape: Shape, zero: bool| -> Vec<Tensor> {
            let values = |rng: &mut Rng| if zero { 0.0 } else { uniform(rng) };
            (0..slots.work).map(|_| draw(rng, &dims(batch, shape), values)).collect()
        };
        let (x, dy) = (images(node.input.shape, still), images(node.output.shape, false));
        let places = &node.parameters;
        let mut direction = || places.iter().map(|place| draw(rng, &place.kind.shape(), uniform)).collect();
        let weights: Vec<Vec<Tensor>> = (0..slots.weights).map(|_| direction()).collect();

        let blank = f32::from_bits(SENTINEL);
        let floats = |list: &[Tensor]| slots.work * layout::image_floats(&list[0]);
        // What does not move must not be read: sentinels.
        let rx = by_slot(&x, slots, 2, |x| if still { vec![blank; layout::image_floats(x)] } else { layout::image(x) });
        let edge = |edge: &Edge, value, grad| Edge { value, saved: value, grad, activation: None, ..edge.clone() };
        let grad = (!still).then(|| bench.output("rdx", floats(&x)));
        let input = Edge { by_data: false, ..edge(&node.input, bench.input("rx", &rx), grad) };
        let rdy = bench.input("rdy", &by_slot(&dy, slots, 2, layout::image));
        let output = edge(&node.output, bench.output("ry", floats(&dy)), Some(rdy));
        let pack = |list: &Vec<Tensor>| arena(list, places, parameter_floats, blank);
        let directions = bench.input("directions", &by_slot(&weights, slots, 0, pack));
        let products = ["products", "cross"].map(|name| bench.output(name, slots.work * parameter_floats));
        let tangent = Node { input, branch: None, output, ..node.clone() };
        Self { x, dy, weights, tangent, directions, products, second: [None; 2] }
    }

    /// Records the tangents of both passes, which have been recorded.
    pub(super) fn record(&mut self, layer: &dyn Layer, node: &Node, e: &mut Emitter<'_>) {
        let (tangent, [products, cross]) = (self.tangent.clone(), self.products);
        let at = TangentNode { node, tangent, directions: self.directions, cross };
        e.with_grads(products, |e| self.second = [layer.forward_tangent(&at, e), layer.backward_tangent(&at, e)]);
    }

    /// Buffers that are to be read after the run.
    pub(super) fn seconds(&self) -> impl Iterator<Item = BufferId> {
        self.second.into_iter().flatten()
    }

    pub(super) fn row(&self, weights: u32, work: u32) -> RowMotion<'_> {
        RowMotion { x: &self.x[work as usize], dy: &self.dy[work as usize], weights: &self.weights[weights as usize] }
    }
}

impl LayerRun<'_> {
    /// Checks how the output, before its activation, moves.
    ///
    /// # Panics
    /// Where nothing moves.
    pub fn check_tangent(&self, tolerance: Tolerance, ry: impl Fn(&RowOf<'_>, RowMotion<'_>) -> Tensor) {
        let motion = self.motion.as_ref().unwrap();
        let value = motion.tangent.output.value;
        self.check_sum("tangent of the output", [Some(value), motion.second[0]], tolerance, |row| {
            layout::want_image(&ry(row, row.motion.unwrap()))
        });
    }

    /// Checks how the gradient of the input, after the input's activation, moves.
    ///
    /// # Panics
    /// Where the input does not move.
    pub fn check_tangent_grad_input(&self, tolerance: Tolerance, rdx: impl Fn(&RowOf<'_>, RowMotion<'_>) -> Tensor) {
        let motion = self.motion.as_ref().unwrap();
        let grad = motion.tangent.input.grad;
        assert!(grad.is_some(), "the input moves");
        self.check_sum("tangent of the input's gradient", [grad, motion.second[1]], tolerance, |row| {
            layout::want_image(&rdx(row, row.motion.unwrap()))
        });
    }

    /// Checks how the gradients of the trained tensors move.
    ///
    /// # Panics
    /// Where nothing moves.
    pub fn check_tangent_grads(&self, tolerance: Tolerance, grads: impl Fn(&RowOf<'_>, RowMotion<'_>) -> Vec<Tensor>) {
        let [products, cross] = self.motion.as_ref().unwrap().products;
        self.check_sum("tangent of the weights' gradient", [Some(products), Some(cross)], tolerance, |row| {
            want_arena(&grads(row, row.motion.unwrap()), &self.node.parameters, self.sizes.parameters)
        });
    }

    /// Checks the sum of two terms; where nobody wrote a second one, the first.
    fn check_sum(
        &self,
        what: &str,
        [first, second]: [Option<BufferId>; 2],
        tolerance: Tolerance,
        want: impl Fn(&RowOf<'_>) -> Vec<Want>,
    ) {
        let mut sum = self.ran.bits(first.unwrap()).to_vec();
        for (sum, other) in sum.iter_mut().zip(second.map(|id| self.ran.bits(id)).into_iter().flatten()) {
            if *sum != SENTINEL && *other != SENTINEL {
                *sum = (f32::from_bits(*sum) + f32::from_bits(*other)).to_bits();
            }
        }
        let mut all = Vec::new();
        for row in &self.case.slots.rows {
            let slot = row[2] as usize;
            let own = want(&self.row(*row));
            all.resize(all.len().max((slot + 1) * own.len()), Want::Untouched);
            all[slot * own.len()..(slot + 1) * own.len()].copy_from_slice(&own);
        }
        check(&format!("{} of {}", what, self.case.name), &sum, &all, tolerance);
    }
}
