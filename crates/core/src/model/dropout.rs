//! Dropout (Srivastava et al. 2014), inverted: what is kept is divided by the share that is kept.

use super::layer::{Edge, Emitter, Layer, Node};
use crate::data::Shape;
use crate::gpu::BufferId;
use lowland_shaders as shaders;
use lowland_shaders::params::Dropout as Params;

/// `x mask / (1 - p)` in training, `x` in inference. The mask is drawn from (seed of the lane, layer, step, example, element)
/// alone (see [`crate::rng::dropout_bits`]): both passes of SAM have the same, and so has a run that was resumed.
#[derive(Clone, Debug)]
pub struct Dropout {
    /// Share that is dropped, from 0 to below 1.
    pub p: f32,
}

impl Dropout {
    /// Bits below this drop an element.
    pub fn threshold(&self) -> u32 {
        (f64::from(self.p) * 4_294_967_296.0) as u32
    }

    fn record(
        &self,
        node: &Node,
        e: &mut Emitter<'_>,
        from: BufferId,
        edge: &Edge,
        to: BufferId,
        overrides: [(&'static str, f64); 2],
    ) {
        let example4 = node.input.example4();
        let p = Params {
            size4: (e.sizes.batch * example4) as u32,
            in_by_data: u32::from(edge.by_data),
            layer: node.index as u32,
            example4: example4 as u32,
            threshold: self.threshold(),
            scale: 1.0 / (1.0 - self.p),
        };
        let buffers = [e.arenas.seeds, e.arenas.clock, from, edge.saved, to];
        e.dispatch(&shaders::DROPOUT, &overrides, &p, &buffers, (p.size4 as usize).div_ceil(64));
    }
}

impl Layer for Dropout {
    fn output(&self, input: Shape) -> Result<Shape, String> {
        if !(0.0..1.0).contains(&self.p) {
            return Err(format!("dropout's p is {}; it must be from 0 to below 1", self.p));
        }
        Ok(input)
    }

    fn passes_scale(&self) -> bool {
        true
    }

    fn forward(&self, node: &Node, e: &mut Emitter<'_>) {
        let drop = drops(e);
        self.record(node, e, node.input.value, &node.input, node.output.value, [drop, ("ACTIVATION", 0.0)]);
    }

    fn backward(&self, node: &Node, e: &mut Emitter<'_>) {
        let (Some(dy), Some(dx)) = (node.output.grad, node.input.grad) else { return };
        let drop = drops(e);
        self.record(node, e, dy, &node.input, dx, [drop, node.input.activation_code()]);
    }
}

/// Whether values are dropped: in training alone.
fn drops(e: &Emitter<'_>) -> (&'static str, f64) {
    ("DROP", f64::from(u8::from(e.trains())))
}
