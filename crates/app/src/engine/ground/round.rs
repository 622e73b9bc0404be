//! A round of measuring, a slice a frame.

use super::surface::What;
use super::*;

/// What is to be shown.
fn wanted(frame: &Frame<'_>, moment: &Moment<'_>) -> Subject {
    if moment.unfolded.is_some() { Subject::Step } else { Subject::Plane(frame.view.plane) }
}

impl Ground {
    pub(super) fn advance(&mut self, frame: &mut Frame<'_>, moment: &Moment<'_>) -> Result<()> {
        let gpu = Rc::clone(&self.parts.gpu);
        // Another plane does not wait for this one to become fine.
        let wanted = wanted(frame, moment);
        self.phase = match std::mem::replace(&mut self.phase, Phase::Rest) {
            Phase::Sweep { surface, .. } if surface.subject != wanted => Phase::Rest,
            phase => phase,
        };
        match std::mem::replace(&mut self.phase, Phase::Rest) {
            Phase::Rest => self.rest(frame, moment),
            Phase::Principal(begun) => match frame.history.take_principal(&gpu) {
                Ok(None) => {
                    self.phase = Phase::Principal(begun);
                    Ok(())
                }
                Ok(Some(principal)) => {
                    let [first, second] = frame.history.directions();
                    self.freeze(&[(0, self.start.slot(0)), (1, first), (2, second)]);
                    self.ask_places(frame, Begun { variance: Some(principal.variance), ..begun }, false)
                }
                Err(error) => self.without(begun, error),
            },
            Phase::Sharpest(begun, mut job) => match job.poll() {
                None => {
                    self.phase = Phase::Sharpest(begun, job);
                    Ok(())
                }
                Some(Ok(sharpest)) => self.along(begun, sharpest),
                Some(Err(error)) if gpu.lost() => Err(error),
                Some(Err(error)) => self.without(begun, Error::input(error.to_string())),
            },
            Phase::Places(begun) => match frame.history.take_coordinates(&gpu) {
                Ok(None) => {
                    self.phase = Phase::Places(begun);
                    Ok(())
                }
                Ok(Some(places)) => self.sweep(begun, &places),
                // Both sides are one network, as they are where rho is 0 on both: there is still the plane of their path.
                Err(error)
                    if error.is_input() && begun.subject == Subject::Plane(PlaneKind::Points) && begun.step > 0 =>
                {
                    self.ask_principal(frame, Begun { same: true, ..begun })
                }
                Err(error) => self.without(begun, error),
            },
            Phase::Sweep { surface, values } => self.measure(surface, values),
            Phase::Line => {
                let Some(tools) = &mut self.tools else { return Ok(()) };
                let found = tools.line.advance(&gpu)?;
                if found.is_none() && tools.line.is_busy() {
                    self.phase = Phase::Line;
                    return Ok(());
                }
                self.line = found.or(self.line.take());
                // At once, or nobody would ask for the frame in which the next round begins.
                self.rest(frame, moment)
            }
        }
    }

    /// No surface for now, and why.
    pub(super) fn without(&mut self, begun: Begun, error: Error) -> Result<()> {
        if !error.is_input() {
            return Err(error);
        }
        self.trouble = Some(error.to_string());
        self.failed = Some((begun.subject, begun.step));
        Ok(())
    }

    /// Begins a round if there is something new to show.
    fn rest(&mut self, frame: &mut Frame<'_>, moment: &Moment<'_>) -> Result<()> {
        let subject = wanted(frame, moment);
        let here = self.shown.as_ref().filter(|s| s.subject == subject && s.step == moment.step).map(|s| s.grid);
        let fresh = self.drawn.is_some() && self.shown.as_ref().is_some_and(|s| s.subject == subject);
        let most = if frame.playing && self.parts.gpu.is_software() && moment.present { GRIDS[1] } else { GRIDS[2] };
        let grid = match here {
            Some(grid) if self.drawn.is_some() => GRIDS.into_iter().find(|finer| *finer > grid).filter(|g| *g <= most),
            // While training: as fine as the last one. At rest: coarse to fine.
            _ if fresh && frame.playing => Some(most),
            _ => Some(GRIDS[0]),
        };
        let waits = self.tools.is_none() || self.failed == Some((subject, moment.step));
        self.waiting = grid.is_some() && !waits;
        let Some(grid) = grid.filter(|_| !waits) else { return Ok(()) };
        let begun = Begun {
            subject,
            step: moment.step,
            grid,
            lanes: moment.lanes,
            present: moment.present,
            climbs: moment.climbs,
            variance: None,
            curvatures: None,
            same: false,
        };
        // The ground of an earlier duel may have asked for what nobody waits for any more: one question at a time has an answer.
        drop(frame.history.take_coordinates(&self.parts.gpu));
        drop(frame.history.take_principal(&self.parts.gpu));
        let [left, right] = moment.sides;
        self.freeze(&[(LEFT, left), (RIGHT, right)]);
        match (subject, moment.unfolded) {
            (Subject::Step, Some([before, climbed, after])) => {
                self.freeze(&[(0, before), (1, climbed), (2, after)]);
                self.ask_places(frame, begun, true)
            }
            (Subject::Plane(PlaneKind::Pca), _) => self.ask_principal(frame, begun),
            (Subject::Plane(PlaneKind::Hessian), _) => self.ask_sharpest(frame, begun),
            (Subject::Plane(kind), _) if kind.normalisation().is_some() => self.random(frame, begun, moment),
            _ => {
                self.freeze(&[(0, self.start.slot(0)), (1, left), (2, right)]);
                self.ask_places(frame, begun, true)
            }
        }
    }

    pub(super) fn freeze(&self, sets: &[(u64, Slot<'_>)]) {
        let mut encoder = self.parts.gpu.device().create_command_encoder(&Default::default());
        for (place, slot) in sets {
            self.frozen.copy(&mut encoder, *place, *slot);
        }
        self.parts.gpu.queue().submit([encoder.finish()]);
    }

    fn ask_principal(&mut self, frame: &mut Frame<'_>, begun: Begun) -> Result<()> {
        if frame.history.ask_principal(&self.parts.gpu, &begun.lanes) {
            self.phase = Phase::Principal(begun);
        }
        Ok(())
    }

    fn ask_places(&mut self, frame: &mut Frame<'_>, begun: Begun, through: bool) -> Result<()> {
        let axes = [self.frozen.slot(1), self.frozen.slot(2)];
        let axes = if through { Axes::Through(axes) } else { Axes::Along(axes) };
        let trainer = begun.present.then(|| frame.duel.trainer());
        if frame.history.ask_coordinates(&self.parts.gpu, self.frozen.slot(0), axes, trainer)? {
            self.phase = Phase::Places(begun);
        }
        Ok(())
    }

    /// The plane, the square and the marked points are known: begins with the losses.
    fn sweep(&mut self, begun: Begun, places: &Coordinates) -> Result<()> {
        let through = begun.variance.is_none();
        let Some(plane) = Plane::new(through, places.axes) else { return Ok(()) };
        let upto = || places.entries.iter().filter(|(step, _)| *step <= begun.step);
        let last = |lane: usize| {
            let entries = upto().next_back().map(|(_, places)| places);
            let now = places.present.as_ref().filter(|_| begun.present).map(|(_, places)| places);
            now.or(entries).and_then(|places| places.get(lane)).map(|place| [place.x, place.y])
        };
        let plane = match (through, begun.subject) {
            (true, _) => plane.with_origin_behind(),
            (false, _) => {
                let [left, right] = begun.lanes.map(|lane| last(lane).map_or(0.0, |[_, y]| y));
                plane.with_first_to_front(right >= left)
            }
        };
        let climbed = places.ascent.get(begun.lanes[1]).copied().flatten().map(|place| [place.x, place.y]);
        let marks: Vec<(What, [f64; 2])> = match begun.subject {
            Subject::Step => {
                let mut marks = vec![(What::Side(1), [0.0, 0.0]), (What::After, [0.0, 1.0])];
                marks.extend(begun.climbs.then_some((What::Climbed, [1.0, 0.0])));
                marks
            }
            _ => {
                let [left, right] = if through { [Some([1.0, 0.0]), Some([0.0, 1.0])] } else { begun.lanes.map(last) };
                let climbed = climbed.filter(|_| begun.present);
                let all = [
                    (What::Start, Some([0.0, 0.0])),
                    (What::Side(0), left),
                    (What::Side(1), right),
                    (What::Climbed, climbed),
                ];
                all.into_iter().filter_map(|(what, at)| at.map(|at| (what, at))).collect()
            }
        };
        let ways = if begun.subject == Subject::Step { [None, None] } else { begun.lanes.map(Some) };
        let ways = ways.map(|lane| -> Vec<[f64; 2]> {
            let Some(lane) = lane else { return Vec::new() };
            let way = upto().filter_map(|(_, places)| places.get(lane)).map(|place| [place.x, place.y]);
            let way = std::iter::once([0.0, 0.0]).chain(way).chain(last(lane).filter(|_| !through));
            let end = through.then_some(if lane == begun.lanes[0] { [1.0, 0.0] } else { [0.0, 1.0] });
            way.chain(end).map(|at| plane.place(at)).collect()
        });
        let held = marks.iter().filter(|(what, _)| *what != What::Climbed || begun.subject == Subject::Step);
        // Around a climb there is as much room on the other side, for the whole ball.
        let across = (begun.subject == Subject::Step && begun.climbs).then_some([-1.0, 0.0]);
        let held: Vec<[f64; 2]> = held.map(|(_, at)| *at).chain(across).map(|at| plane.place(at)).collect();
        let square = Square::around(held.iter().copied().chain(ways.iter().flatten().copied()));
        let mut points: Vec<[f32; 3]> = square.grid(begun.grid).map(|at| plane.factors(at)).collect();
        // The marks' own factors, not those of their places: exactly 0 and 1 where they are the sources.
        points.extend(marks.iter().map(|(_, [x, y])| {
            let origin = if through { 1.0 - x - y } else { 1.0 };
            [origin as f32, *x as f32, *y as f32]
        }));
        let mark =
            |(what, at): &(What, [f64; 2])| Mark { what: *what, at: square.unit(plane.place(*at)), loss: f32::NAN };
        let face = Face {
            losses: Vec::new(),
            half: square.half as f32,
            marks: marks.iter().map(mark).collect(),
            paths: ways.map(|way| way.into_iter().map(|at| square.unit(at)).collect()),
        };
        let sources = [0, 1, 2].map(|set| self.frozen.slot(set));
        let Some(tools) = &mut self.tools else { return Ok(()) };
        tools.sweeps[0].begin(&self.parts.gpu, sources, &points)?;
        self.begin_line(begun)?;
        self.phase = Phase::Sweep { surface: begun.surface(vec![face]), values: vec![None] };
        Ok(())
    }

    pub(super) fn begin_line(&mut self, begun: Begun) -> Result<()> {
        let ends = [LEFT, RIGHT].map(|set| self.frozen.slot(set));
        match &mut self.tools {
            Some(tools) if begun.subject != Subject::Step => tools.line.begin(&self.parts.gpu, begun.step, ends),
            _ => Ok(()),
        }
    }

    /// Submits a slice, and shows the surface once all its losses have come back.
    fn measure(&mut self, mut surface: Surface, mut values: Vec<Option<Vec<[f32; 2]>>>) -> Result<()> {
        let Some(tools) = &mut self.tools else { return Ok(()) };
        let gpu = &self.parts.gpu;
        for (sweep, values) in tools.sweeps.iter_mut().zip(&mut values) {
            let whole = sweep.advance(gpu, 1);
            if let Some(found) = sweep.take(gpu)?.filter(|_| whole) {
                *values = Some(found);
            }
            if !whole {
                break;
            }
        }
        if values.iter().any(Option::is_none) {
            self.phase = Phase::Sweep { surface, values };
            return Ok(());
        }
        for (face, values) in surface.faces.iter_mut().zip(values.into_iter().flatten()) {
            let (grid, marks) = values.split_at(surface.grid * surface.grid);
            face.losses = grid.iter().map(|[loss, _]| *loss).collect();
            for (mark, [loss, _]) in face.marks.iter_mut().zip(marks) {
                mark.loss = *loss;
            }
        }
        self.shown = Some(surface);
        (self.trouble, self.failed) = (None, None);
        self.round += 1;
        self.phase = Phase::Line;
        Ok(())
    }
}

impl Begun {
    pub(super) fn surface(self, faces: Vec<Face>) -> Surface {
        let Self { subject, step, grid, variance, curvatures, same, .. } = self;
        Surface { subject, step, grid, faces, variance, curvatures, same }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Past;
    use crate::{App, Start};
    use egui_kittest::Harness;
    use std::time::Instant;

    /// Frames until the surface of step `step` is as fine as it gets.
    fn settle(harness: &mut Harness<'_, App>, plane: PlaneKind, step: u64) {
        let begun = Instant::now();
        let is_finest = |surface: &Surface| {
            (surface.subject, surface.step, surface.grid) == (Subject::Plane(plane), step, GRIDS[2])
        };
        while harness.state().engine().ground().and_then(Ground::surface).is_none_or(|s| !is_finest(s)) {
            harness.step();
            assert!(begun.elapsed().as_secs() < 60, "there is no surface of {plane:?} at step {step}");
        }
        while harness.state().engine().is_measuring() {
            harness.step();
        }
    }

    #[test]
    fn answers_that_nobody_waits_for_hold_up_no_surface() {
        let mut harness = Harness::builder()
            .with_size([900.0, 640.0])
            .with_step_dt(0.05)
            .wgpu()
            .build_eframe(|cc| App::new(&cc.egui_ctx, cc.wgpu_render_state.clone().unwrap(), Start::default()));
        while harness.state().engine().duel().is_none_or(|duel| duel.submitted() < 5) {
            harness.step();
        }
        harness.state_mut().command("pause", "").unwrap();
        let mut step = harness.state().engine().duel().unwrap().submitted();
        settle(&mut harness, PlaneKind::Points, step);
        for plane in [PlaneKind::Points, PlaneKind::Pca] {
            // Asked as a ground does that is replaced before it has its answer.
            let engine = harness.state_mut().engine_mut();
            let (duel, gpu) = (engine.duel.as_ref().unwrap(), &engine.gpu);
            let history = engine.past.as_mut().and_then(Past::history_mut).unwrap();
            let asked = match plane {
                PlaneKind::Pca => history.ask_principal(gpu, &[0, 1]),
                _ => {
                    let axes = Axes::Through([duel.slot(0), duel.slot(1)]);
                    history.ask_coordinates(gpu, duel.slot(0), axes, None).unwrap()
                }
            };
            assert!(asked);
            harness.state_mut().command("plane", plane.name()).unwrap();
            harness.state_mut().command("step", "").unwrap();
            step += 1;
            settle(&mut harness, plane, step);
        }
    }
}
