//! The ascent of SAM (Foret et al. 2021, eq. 2) and ASAM (Kwon et al. 2021): from w to w + e, |e|_p = rho, into an arena of
//! its own. The weights stay untouched, so nothing is copied or restored.

use crate::config::Exponent;
use crate::gpu::{BufferId, Dispatch, Recording, TableId};
use lowland_shaders::params::{Ascend, NormSquares};
use lowland_shaders::{ASCEND, ASCEND_P, ASCENT_EXTREMES, ASCENT_POWERS, Kernel, NORM_SQUARES};

/// How a lane climbs before its second gradient.
///
/// With h = T g, T = 1 (SAM) or |w| + 0.01 on weights and 1 on biases and norms (ASAM), and 1/p + 1/q = 1:
/// e = rho T sign(h) |h|^(q-1) / (sum |h|^q)^(1/p); p = inf: rho T sign(h); p = 1: all of rho on the first largest |h|.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ascent {
    /// Radius. 0 does not climb: the base step on the plain gradient, bit for bit.
    pub rho: f32,
    /// The norm that the radius is measured in.
    pub p: Exponent,
    /// ASAM's scaling by the weights.
    pub adaptive: bool,
    /// Steps of rho / steps each, every one along the gradient where it stands. Together they are no longer than rho, so
    /// the projection to the ball has nothing to do.
    pub steps: u32,
    /// The whole gradient of w -> L(w + e(w)), g_s + H v, with the term that SAM drops (Foret et al. 2021, 3 and C.4). Only of
    /// one step in the plain 2-norm: a trainer refuses others.
    pub second_order: bool,
}

impl Ascent {
    /// No ascent: the base optimizer.
    pub fn none() -> Self {
        Self::sam(0.0)
    }

    /// SAM with the 2-norm and one step.
    pub fn sam(rho: f32) -> Self {
        Self { rho, p: Exponent::default(), adaptive: false, steps: 1, second_order: false }
    }

    /// Whether there is an ascent at all.
    pub fn climbs(&self) -> bool {
        self.rho > 0.0
    }

    /// Whether H v is added to the gradient at w + e.
    pub fn adds_second_order(&self) -> bool {
        self.climbs() && self.second_order
    }

    /// Whether there is a second-order term to add: e(w) is rho g / |g|.
    pub(crate) fn has_second_order(&self) -> bool {
        self.is_euclidean() && self.steps == 1
    }

    /// Whether the plain 2-norm's kernels do: one reduction, no weights in it.
    pub fn is_euclidean(&self) -> bool {
        self.p.get() == 2.0 && !self.adaptive
    }

    /// q - 1 = 1 / (p - 1), and -1 for p = 1, where it is infinite: shaders may not count on infinities.
    pub(super) fn power(&self) -> f32 {
        let p = f64::from(self.p.get());
        if p == 1.0 { -1.0 } else { (1.0 / (p - 1.0)) as f32 }
    }
}

/// The buffers of an ascent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AscentBuffers {
    pub(crate) weights: BufferId,
    pub(crate) grads: BufferId,
    /// Slices of the gradient's squares, of [`record_norm`].
    pub(crate) squares: BufferId,
    /// Slices of h: its largest value, whose that is, and the sum of powers. Four floats each, as many as squares' slices.
    pub(crate) extremes: BufferId,
    /// Each parameter's place in PyTorch's order; bit 31 where it is a weight, neither bias nor norm.
    pub(crate) layout: BufferId,
    pub(crate) hyper: BufferId,
    pub(crate) scheduled: BufferId,
    pub(crate) clock: BufferId,
    pub(crate) ascent: BufferId,
}

/// What an ascent is recorded for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AscentSizes {
    pub(crate) parameter_floats: usize,
    pub(crate) lanes: u32,
    /// Steps that the schedule's table holds.
    pub(crate) table: u32,
}

/// Vec4s per slice of the norm, and the number of slices: from the size alone, at most the 256 that the buffer holds.
pub(crate) fn norm_slices(parameter_floats: usize) -> (u32, u32) {
    let size4 = (parameter_floats / 4) as u32;
    let per_slice = size4.div_ceil(256).max(1024);
    (per_slice, size4.div_ceil(per_slice))
}

/// Records the 2-norm of the gradient of each row's lane.
pub(crate) fn record_norm(
    recording: &Recording,
    rows: TableId,
    parameter_floats: usize,
    grads: BufferId,
    squares: BufferId,
) -> Dispatch {
    let (per_slice, slices) = norm_slices(parameter_floats);
    let size4 = (parameter_floats / 4) as u32;
    let params = NormSquares { size4, per_slice, stride: size4, slices };
    let groups = [slices, 1, recording.rows(rows)];
    dispatch(&NORM_SQUARES, Vec::new(), &params, rows, vec![grads, squares], groups)
}

/// Records a step of the ascent of each row's lane: from the weights where it is the `first`, else from where it stands.
/// The squares of the gradient are there already.
pub(crate) fn record_euclidean(
    recording: &Recording,
    rows: TableId,
    sizes: AscentSizes,
    first: bool,
    b: &AscentBuffers,
) -> Dispatch {
    let params = params(sizes);
    let buffers = vec![b.weights, b.grads, b.squares, b.scheduled, b.clock, b.ascent];
    let groups = [params.size4.div_ceil(1024), 1, recording.rows(rows)];
    dispatch(&ASCEND, vec![("FIRST", f64::from(u8::from(first)))], &params, rows, buffers, groups)
}

/// The same in any p-norm and with ASAM's scaling; it needs no norm before it. T belongs to the weights that the step
/// starts from, in every step of the ascent.
pub(crate) fn record_general(
    recording: &Recording,
    rows: TableId,
    sizes: AscentSizes,
    first: bool,
    b: &AscentBuffers,
) -> Vec<Dispatch> {
    let params = params(sizes);
    let z = recording.rows(rows);
    let (_, slices) = norm_slices(sizes.parameter_floats);
    let reduce = |kernel| {
        let buffers = vec![b.weights, b.grads, b.hyper, b.layout, b.extremes];
        dispatch(kernel, Vec::new(), &params, rows, buffers, [slices, 1, z])
    };
    let climb = dispatch(
        &ASCEND_P,
        vec![("FIRST", f64::from(u8::from(first)))],
        &params,
        rows,
        vec![b.weights, b.grads, b.extremes, b.layout, b.hyper, b.scheduled, b.clock, b.ascent],
        [params.size4.div_ceil(1024), 1, z],
    );
    vec![reduce(&ASCENT_EXTREMES), reduce(&ASCENT_POWERS), climb]
}

fn params(sizes: AscentSizes) -> Ascend {
    let (per_slice, slices) = norm_slices(sizes.parameter_floats);
    let size4 = (sizes.parameter_floats / 4) as u32;
    Ascend { size4, per_slice, stride: size4, slices, lanes: sizes.lanes, table: sizes.table }
}

fn dispatch(
    kernel: &'static Kernel,
    overrides: Vec<(&'static str, f64)>,
    params: &impl bytemuck::Pod,
    table: TableId,
    buffers: Vec<BufferId>,
    groups: [u32; 3],
) -> Dispatch {
    Dispatch { kernel, overrides, params: bytemuck::bytes_of(params).to_vec(), table, buffers, groups }
}
