//! The segments of a training step: gather, first pass, ascent, second pass, update, log; for each group of the batch where
//! it climbs in groups (m-sharpness, Foret et al. 2021, 4.1).

use super::data::Visit;
use super::{Buffers, Lane, Plan, RING, Request, Segment, View, second_order};
use crate::Result;
use crate::config::Order;
use crate::gpu::{Dispatch, TableId};
use crate::model::{Mode, Model, Network, Pass};
use crate::optim::{self, AscentBuffers, AscentSizes, BaseStep, UpdateBuffers};
use lowland_shaders::params::Update;
use std::mem::discriminant;

/// Records the step of `plan`. `seeds` are the distinct ones of the lanes, `slots` each lane's place among them.
pub(super) fn record(
    plan: &mut Plan,
    network: &mut Network<'_>,
    model: &Model,
    request: &Request<'_>,
    seeds: &[u32],
    slots: &[u32],
) -> Result<()> {
    let Request { lanes, family, .. } = *request;
    let (sizes, group, groups) = (plan.sizes, plan.group, plan.groups());
    let ascent_offset = plan.ascent_offset();
    let b = plan.buffers.clone();
    let rows = Rows { lanes, slots };
    let all = rows.table(plan, |_| true);
    record_gathers(plan, network, model, request, seeds);

    let r = &mut plan.recording;
    let pass = Pass { weights: b.weights, rows: all, mode: Mode::Train { update_running: true }, batch: group };
    let pass1 = network.record(r, b.arenas(), family, pass, b.loss(0));
    plan.segments.push((Segment::Pass1, pass1));
    let norm = optim::record_norm(&plan.recording, all, sizes.parameters, b.grads, b.squares);
    plan.segments.push((Segment::NormOfAll, vec![norm]));

    if plan.climbs.contains(&true) {
        let mut climb = Climb::new(plan, &rows);
        let euclidean = rows.table(plan, |lane| lane.optimizer.ascent.climbs() && lane.optimizer.ascent.is_euclidean());
        if plan.recording.rows(euclidean) > 0 {
            let norm = optim::record_norm(&plan.recording, euclidean, sizes.parameters, b.grads, b.squares);
            plan.segments.push((Segment::NormOfAscents, vec![norm]));
        }
        let (weights, mode) = (climb.buffers.ascent, Mode::Train { update_running: false });
        let at_ascent = |rows| Pass { weights, rows, mode, batch: group };
        let mut ascend = climb.step(plan, &rows, 0);
        let most = lanes.iter().map(|lane| lane.optimizer.ascent.steps).max().unwrap_or(1);
        for step in 1..most {
            let going_on = rows.table(plan, |lane| goes_on(lane, step));
            if plan.recording.rows(going_on) == 0 {
                break;
            }
            let loss = b.loss(ascent_offset);
            ascend.extend(network.record(&mut plan.recording, b.arenas(), family, at_ascent(going_on), loss));
            ascend.extend(climb.step(plan, &rows, step));
        }
        plan.segments.push((Segment::Ascend, ascend));
        let climbing = rows.table(plan, |lane| lane.optimizer.ascent.climbs());
        let pass2 = network.record(&mut plan.recording, b.arenas(), family, at_ascent(climbing), b.loss(ascent_offset));
        plan.segments.push((Segment::Pass2, pass2));
        second_order::record(plan, network, model, family, &rows)?;
    }

    let mut last = b.grads;
    if groups > 1 {
        let bytes = (4 * sizes.parameters * lanes.len()) as u64;
        let mean1 = plan.recording.buffer("mean of the groups' first gradients", bytes);
        last = plan.recording.buffer("mean of the groups' gradients", bytes);
        let mut add = |segment, total| {
            let scale = 1.0 / groups as f32;
            let buffers = [b.grads, b.clock, total];
            let add = optim::record_accumulate(&plan.recording, all, sizes.parameters, scale, buffers);
            plan.segments.push((segment, vec![add]));
        };
        add(Segment::MeanOfPass1, mean1);
        add(Segment::MeanOfGroups, last);
        let norm = optim::record_norm(&plan.recording, all, sizes.parameters, mean1, b.squares);
        plan.segments.push((Segment::NormOfMean, vec![norm]));
    }
    let clipping = rows.table(plan, |lane| lane.optimizer.clip_norm.is_some());
    if plan.recording.rows(clipping) > 0 {
        let squares = plan.recording.buffer("squares of final gradients", (8 * 256 * lanes.len()) as u64);
        let clip = optim::record_clip(&plan.recording, clipping, sizes.parameters, last, squares, b.hyper);
        plan.segments.push((Segment::Clip, clip));
    }
    let updates = record_updates(plan, &rows, &b, last);
    plan.segments.push((Segment::Update, updates));
    let log = plan.record_log(all, group, sizes.batch, b.clock, b.ring);
    plan.segments.push((Segment::Log, vec![log]));
    Ok(())
}

/// Which lanes a dispatch is for.
pub(super) struct Rows<'a> {
    lanes: &'a [Lane],
    slots: &'a [u32],
}

impl Rows<'_> {
    /// A table of the lanes that `chosen` names.
    fn table(&self, plan: &mut Plan, chosen: impl Fn(&Lane) -> bool) -> TableId {
        let lanes = self.lanes.iter().zip(self.slots).zip(0u32..).filter(|((lane, _), _)| chosen(lane));
        plan.recording.table(lanes.map(|((_, slot), i)| [i, *slot, i, i]).collect())
    }

    /// The rows of the lanes that `chosen` names, with work counted from 0: for what has room for these lanes alone.
    pub(super) fn counted(&self, chosen: impl Fn(&Lane) -> bool) -> Vec<[u32; 4]> {
        let lanes = self.lanes.iter().zip(self.slots).zip(0u32..).filter(|((lane, _), _)| chosen(lane));
        lanes.zip(0u32..).map(|(((_, slot), i), work)| [i, *slot, work, i]).collect()
    }
}

/// Whether `lane` has a step of its ascent after `step` others.
fn goes_on(lane: &Lane, step: u32) -> bool {
    lane.optimizer.ascent.climbs() && lane.optimizer.ascent.steps > step
}

fn record_gathers(plan: &mut Plan, network: &Network<'_>, model: &Model, request: &Request<'_>, seeds: &[u32]) {
    let augment = request.augment;
    let visit = match request.order {
        Order::Shuffle => Visit::Shuffle,
        Order::File => Visit::Cycle,
    };
    let table = plan.recording.table(seeds.iter().map(|seed| [*seed, 0, 0, 0]).collect());
    let (batch, size) = (plan.sizes.batch, plan.group);
    let to = [plan.buffers.clock, network.input().value, plan.buffers.labels];
    for number in 0..plan.groups() {
        let group = number * size..(number + 1) * size;
        let from = &plan.data_buffers;
        let gather = plan.data.record(
            &plan.recording,
            request.family,
            model,
            View::Train,
            visit,
            batch,
            group,
            augment,
            table,
            from,
            to,
        );
        plan.segments.push((Segment::Gather(number), gather));
    }
}

/// Records steps of the ascent.
struct Climb {
    buffers: AscentBuffers,
    sizes: AscentSizes,
}

impl Climb {
    /// Declares what the lanes' ascents need.
    fn new(plan: &mut Plan, rows: &Rows<'_>) -> Self {
        let (r, b, lanes) = (&mut plan.recording, &mut plan.buffers, rows.lanes);
        let bytes = |floats: usize| (4 * floats * lanes.len()) as u64;
        let ascent = r.buffer("ascent", bytes(plan.sizes.parameters));
        b.ascent = Some(ascent);
        let general = lanes.iter().any(|l| l.optimizer.ascent.climbs() && !l.optimizer.ascent.is_euclidean());
        if general {
            b.layout = Some(r.buffer("layout of parameters", 4 * plan.sizes.parameters as u64));
        }
        let extremes = if general { r.buffer("extremes of gradients", bytes(4 * 256)) } else { b.unused };
        let buffers = AscentBuffers {
            weights: b.weights,
            grads: b.grads,
            squares: b.squares,
            extremes,
            layout: b.layout.unwrap_or(b.unused),
            hyper: b.hyper,
            scheduled: b.scheduled,
            clock: b.clock,
            ascent,
        };
        let sizes =
            AscentSizes { parameter_floats: plan.sizes.parameters, lanes: lanes.len() as u32, table: RING as u32 };
        Self { buffers, sizes }
    }

    /// Step number `step` of all lanes that have one. The norm of the first pass is in `squares`, where the log reads it
    /// later, so later ones go to a buffer of their own.
    fn step(&mut self, plan: &mut Plan, rows: &Rows<'_>, step: u32) -> Vec<Dispatch> {
        let euclidean = rows.table(plan, |lane| goes_on(lane, step) && lane.optimizer.ascent.is_euclidean());
        let general = rows.table(plan, |lane| goes_on(lane, step) && !lane.optimizer.ascent.is_euclidean());
        let mut dispatches = Vec::new();
        if step == 1 {
            let bytes = (8 * 256 * rows.lanes.len()) as u64;
            self.buffers.squares = plan.recording.buffer("squares of later gradients", bytes);
        }
        let r = &plan.recording;
        let b = &self.buffers;
        if r.rows(euclidean) > 0 {
            if step > 0 {
                dispatches.push(optim::record_norm(r, euclidean, self.sizes.parameter_floats, b.grads, b.squares));
            }
            dispatches.push(optim::record_euclidean(r, euclidean, self.sizes, step == 0, b));
        }
        if r.rows(general) > 0 {
            dispatches.extend(optim::record_general(r, general, self.sizes, step == 0, b));
        }
        dispatches
    }
}

/// The base steps: a dispatch for each kind that occurs.
fn record_updates(plan: &mut Plan, rows: &Rows<'_>, b: &Buffers, grads: crate::gpu::BufferId) -> Vec<Dispatch> {
    let size4 = (plan.sizes.parameters / 4) as u32;
    let update = Update { size4, stride: size4, lanes: rows.lanes.len() as u32, table: RING as u32 };
    let moment = |i: usize| b.moments.get(i).copied().unwrap_or(b.unused);
    let buffers = UpdateBuffers {
        grads,
        hyper: b.hyper,
        scheduled: b.scheduled,
        clock: b.clock,
        weights: b.weights,
        first: moment(0),
        second: moment(1),
    };
    let mut kinds: Vec<&BaseStep> = Vec::new();
    for lane in rows.lanes {
        if kinds.iter().all(|known| discriminant(*known) != discriminant(&lane.optimizer.base)) {
            kinds.push(&lane.optimizer.base);
        }
    }
    kinds
        .into_iter()
        .map(|base| {
            let table = rows.table(plan, |lane| discriminant(&lane.optimizer.base) == discriminant(base));
            optim::record_update(&plan.recording, base, table, update, buffers)
        })
        .collect()
}
