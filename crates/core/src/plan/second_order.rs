//! SAM's second-order term in the step: after the second pass one at the weights again, which keeps what its derivative needs, the
//! derivative along v, and the sum. Lanes that do without it are in none of these dispatches.

use super::step::Rows;
use super::{Plan, RING, Segment};
use crate::Result;
use crate::gpu::Family;
use crate::model::{Arenas, LossBuffers, Mode, Model, Network, Pass, Product, Room, Sizes, TangentPass};
use crate::optim::{SecondOrder, SecondOrderBuffers, SecondOrderSizes};

/// Records the segments of the term, where a lane adds it. `main` is the network of the other passes, whose input it reads.
pub(super) fn record(
    plan: &mut Plan,
    main: &Network<'_>,
    model: &Model,
    family: Family,
    rows: &Rows<'_>,
) -> Result<()> {
    let chosen = rows.counted(|lane| lane.optimizer.ascent.adds_second_order());
    if chosen.is_empty() {
        return Ok(());
    }
    let (own, lanes, group) = (chosen.len(), plan.sizes.lanes, plan.group);
    let share = 1.0 / plan.groups() as f32;
    let b = plan.buffers.clone();
    let r = &mut plan.recording;
    let rows = r.table(chosen);
    let mut buffer = |name, floats: usize| r.buffer(name, (4 * floats) as u64);
    let parameters = plan.sizes.parameters;
    let first = buffer("gradients at the weights", parameters * own);
    let products = ["products of the Hessian", "their second terms"].map(|name| buffer(name, parameters * own));
    let outcome = buffer("outcomes at the weights again", 4 * group * own);
    let term = SecondOrder {
        rows,
        sizes: SecondOrderSizes { parameter_floats: parameters, lanes: lanes as u32, ring: RING as u32, share },
        buffers: SecondOrderBuffers {
            first,
            grads: b.grads,
            squares: b.squares,
            dots: buffer("slices of products of gradients", 256 * own),
            scheduled: b.scheduled,
            clock: b.clock,
            directions: buffer("directions", parameters * lanes),
            products,
            cosines: buffer("slices of cosines", 4 * 256 * own),
            ring: b.ring,
        },
    };
    // Data is read where the other passes read it, so there is none of its own.
    let sizes = Sizes { batch: group, lanes: own, data_slots: 0, ..plan.sizes };
    let mut network = model.connect(r, sizes, Room::Tangents)?;
    network.read_input_of(main);
    network.share_passing(main);
    let tangents = model.connect_tangents(r, sizes);
    let pass = Pass { weights: b.weights, rows, mode: Mode::Train { update_running: false }, batch: group };
    let loss = LossBuffers { outcome, ..b.loss(0) };
    let mut dispatches = network.record(r, Arenas { grads: first, ..b.arenas() }, family, pass, loss);
    dispatches.extend(term.direction(r));
    let along = TangentPass { pass, product: Product::Hessian, directions: term.buffers.directions, products };
    dispatches.extend(network.record_tangent(r, b.arenas(), family, &tangents, along, loss));
    dispatches.push(term.add(r));
    let log = term.log(r);
    plan.segments.push((Segment::SecondOrder, dispatches));
    plan.segments.push((Segment::SecondOrderLog, vec![log]));
    Ok(())
}
