//! What comes back from the device, as events.

use super::event::{Event, Part, StepMetrics, Trouble};
use super::profile::Stopwatch;
use super::trainer::Trainer;
use super::work::{InFlight, Job, Record, Tally};
use crate::optim::Optimizer;
use crate::plan::RECORD_BYTES;
use web_time::Instant;

impl Trainer {
    /// Turns what a submission brought back into events.
    pub(super) fn arrived(&mut self, work: InFlight, bytes: &[u8], events: &mut Vec<Event>) {
        // Whoever calls once a frame looks late: what counts is when it came, or chunks would look as long as a frame.
        let now = work.readback.arrived_at().unwrap_or_else(Instant::now);
        let busy = now - self.last_arrival.map_or(work.submitted, |last| last.max(work.submitted));
        self.last_arrival = Some(now);
        let timed = self.stopwatch.as_ref().filter(|_| !matches!(work.job, Job::Snapshot { .. }));
        let (metrics, seconds) = match timed {
            Some(stopwatch) => (&bytes[..bytes.len() - Stopwatch::BYTES as usize], stopwatch.seconds(bytes)),
            None => (bytes, None),
        };
        let seconds = seconds.unwrap_or(busy.as_secs_f64());
        let smooth = |old: &mut Option<f64>, count: u64| {
            let new = seconds / count as f64;
            *old = Some(old.map_or(new, |old| 0.5 * (old + new)));
        };
        let lanes = self.setup.lanes.len();
        match work.job {
            Job::Snapshot { step } => {
                events.push(Event::Checkpoint(Box::new(self.parse_snapshot(step, bytes))));
                self.idle_snapshot = Some(work.readback);
                return;
            }
            Job::Steps { first, count } => {
                smooth(&mut self.step_seconds, count);
                let records: Vec<Record> =
                    metrics.chunks_exact(RECORD_BYTES).map(bytemuck::pod_read_unaligned).collect();
                for (i, record) in records.iter().enumerate() {
                    let (step, lane) = (first + (i / lanes) as u64, i % lanes);
                    if step.is_multiple_of(self.setup.log_every.max(1)) {
                        self.logged(step, lane, &work.optimizers[lane], record, events);
                    }
                }
            }
            Job::Evaluate { view, step, first, count, last } => {
                if first == 0 {
                    self.tallies.fill(Tally::default());
                }
                smooth(&mut self.batch_seconds, count);
                let records = metrics.chunks_exact(RECORD_BYTES).map(bytemuck::pod_read_unaligned::<Record>);
                for (i, record) in records.enumerate() {
                    self.tallies[i % lanes].add(&record);
                }
                if last {
                    for lane in 0..lanes {
                        let evaluations = std::mem::take(&mut self.tallies[lane]).evaluations(lane, step, view);
                        self.look_for_collapse(&evaluations, events);
                        events.extend(evaluations.into_iter().map(Event::Evaluation));
                    }
                }
            }
        }
        self.idle.push(work.readback);
    }

    /// All that was on its way has come back before anybody looked. Natively callbacks run when the device is polled, so a step
    /// seems to take as long as the wait for the next look: it took less, and a little more at a time finds out how much less.
    pub(super) fn ran_dry(&mut self) {
        const LESS: f64 = 0.8;
        if self.stopwatch.is_none() && cfg!(not(target_family = "wasm")) {
            for seconds in [&mut self.step_seconds, &mut self.batch_seconds].into_iter().flatten() {
                *seconds *= LESS;
            }
        }
    }

    fn logged(&mut self, step: u64, lane: usize, by: &Optimizer, record: &Record, events: &mut Vec<Event>) {
        let [loss, correct, _, count] = record.sums();
        let metrics = StepMetrics {
            lane,
            step,
            loss: loss / count,
            sam_loss: self.plan.climbs[lane].then_some(record.ascent_loss / count),
            accuracy: correct / count,
            grad_norm: record.grad_norm,
            lr: by.schedule.lr(step),
            rho: by.ascent.rho,
            second_order_cosine: by.ascent.adds_second_order().then_some(record.second_order_cosine),
        };
        events.push(Event::Step(metrics));
        if !(metrics.loss.is_finite() && metrics.grad_norm.is_finite()) {
            self.trouble(lane, step, Trouble::Diverged, events);
        }
    }

    /// A lane is collapsed when its test loss is ln(classes) and its accuracy that of chance, twice in a row or at the end.
    fn look_for_collapse(&mut self, evaluations: &[super::Evaluation], events: &mut Vec<Event>) {
        for e in evaluations.iter().filter(|e| e.part == Part::Test && e.step > 0) {
            let uniform = (self.classes as f32).ln();
            let looks = (e.loss - uniform).abs() < 5e-3 * uniform && e.accuracy < 1.5 / self.classes as f32;
            let looked = std::mem::replace(&mut self.suspects[e.lane], looks.then_some(e.step));
            if looks && (looked.is_some_and(|step| step < e.step) || e.step == self.setup.steps) {
                self.trouble(e.lane, e.step, Trouble::Collapsed, events);
            }
        }
    }

    fn trouble(&mut self, lane: usize, step: u64, trouble: Trouble, events: &mut Vec<Event>) {
        if !self.told[lane].contains(&trouble) {
            self.told[lane].push(trouble);
            events.push(Event::Trouble { lane, step, trouble });
        }
    }
}
