//! The term that SAM drops (Foret et al. 2021, 3 and C.4): the gradient of w -> L(w + e(w)) is g_s + H v, with the gradient g_s at
//! w + e and v = rho / |g| (I - g g^T / |g|^2) g_s. The product itself is the plan's; here is what comes before and after it.

use super::ascent::norm_slices;
use crate::gpu::{BufferId, Dispatch, Recording, TableId};
use lowland_shaders::params::SecondOrder as Params;
use lowland_shaders::{Kernel, SECOND_ORDER_ADD, SECOND_ORDER_DIRECTION, SECOND_ORDER_DOT, SECOND_ORDER_LOG};

/// The dispatches around the product, of the lanes in `rows`: their row of work counts them, the other columns name the lane.
#[derive(Clone, Debug)]
pub(crate) struct SecondOrder {
    /// The lanes.
    pub(crate) rows: TableId,
    /// Sizes; `share` is a group's part of the batch.
    pub(crate) sizes: SecondOrderSizes,
    /// Buffers.
    pub(crate) buffers: SecondOrderBuffers,
}

/// What it is recorded for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecondOrderSizes {
    pub(crate) parameter_floats: usize,
    /// Lanes of the trainer.
    pub(crate) lanes: u32,
    /// Steps that the ring and the schedule's table hold.
    pub(crate) ring: u32,
    /// A group's part of the batch.
    pub(crate) share: f32,
}

/// The buffers of the term.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SecondOrderBuffers {
    /// g, by row of work.
    pub(crate) first: BufferId,
    /// g_s, by lane; afterwards g_s + H v.
    pub(crate) grads: BufferId,
    /// Slices of g's squares, by lane.
    pub(crate) squares: BufferId,
    /// Slices of a product, 256 floats a row of work.
    pub(crate) dots: BufferId,
    pub(crate) scheduled: BufferId,
    pub(crate) clock: BufferId,
    /// v, by lane, an arena like that of the weights.
    pub(crate) directions: BufferId,
    /// The two terms of H v, by row of work.
    pub(crate) products: [BufferId; 2],
    /// Slices of the products of g_s + H v and g_s, 256 vec4s a row of work.
    pub(crate) cosines: BufferId,
    /// Records of the steps.
    pub(crate) ring: BufferId,
}

impl SecondOrder {
    /// Records v; g, its squares and g_s are there.
    pub(crate) fn direction(&self, r: &Recording) -> Vec<Dispatch> {
        let b = &self.buffers;
        let dot = self.dispatch(r, &SECOND_ORDER_DOT, vec![b.first, b.grads, b.squares, b.dots], self.params().slices);
        let buffers = vec![b.first, b.grads, b.squares, b.dots, b.scheduled, b.clock, b.directions];
        let groups = self.params().size4.div_ceil(1024);
        vec![dot, self.dispatch(r, &SECOND_ORDER_DIRECTION, buffers, groups)]
    }

    /// Records g_s + H v in place of g_s.
    pub(crate) fn add(&self, r: &Recording) -> Dispatch {
        let SecondOrderBuffers { products: [product, cross], grads, cosines, .. } = self.buffers;
        self.dispatch(r, &SECOND_ORDER_ADD, vec![product, cross, grads, cosines], self.params().slices)
    }

    /// Records the cosine of the two into the record that the log has written.
    pub(crate) fn log(&self, r: &Recording) -> Dispatch {
        let b = &self.buffers;
        self.dispatch(r, &SECOND_ORDER_LOG, vec![b.cosines, b.clock, b.ring], 1)
    }

    fn params(&self) -> Params {
        let SecondOrderSizes { parameter_floats, lanes, ring, share } = self.sizes;
        let (per_slice, slices) = norm_slices(parameter_floats);
        let size4 = (parameter_floats / 4) as u32;
        Params { size4, per_slice, stride: size4, slices, lanes, table: ring, ring, share }
    }

    fn dispatch(&self, r: &Recording, kernel: &'static Kernel, buffers: Vec<BufferId>, groups: u32) -> Dispatch {
        let params = bytemuck::bytes_of(&self.params()).to_vec();
        let groups = [groups, 1, r.rows(self.rows)];
        Dispatch { kernel, overrides: Vec::new(), params, table: self.rows, buffers, groups }
    }
}
