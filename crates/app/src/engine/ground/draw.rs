//! The picture of the ground, drawn again when something about it has changed.

use super::*;

/// What lies on a face: places from -1 to 1 and heights from 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Laid {
    /// The ways of both sides.
    pub paths: [Vec<[f32; 3]>; 2],
    /// The marked points and their losses.
    pub marks: Vec<(What, [f32; 3], f32)>,
    /// Where the ball of SAM's ascent meets the plane.
    pub ball: Vec<[f32; 3]>,
}

/// Where `view` looks from.
pub fn camera(view: &View) -> TerrainCamera {
    if view.contour {
        return TerrainCamera { zoom: view.zoom, ..TerrainCamera::top() };
    }
    TerrainCamera {
        azimuth: view.azimuth.to_radians(),
        elevation: view.elevation.to_radians(),
        zoom: 1.02 * view.zoom,
        ..TerrainCamera::default()
    }
}

impl Ground {
    /// Whether what is shown is of an earlier moment than the rest of the screen, and no new one is coming soon.
    pub fn is_stale(&self, step: u64, subject: Subject) -> bool {
        let far = |shown: &Surface| shown.step.abs_diff(step) > 20 + step / 3 || shown.subject != subject;
        self.shown.as_ref().is_some_and(far)
    }

    pub(super) fn draw(&mut self, frame: &Frame<'_>, moment: &Moment<'_>) -> Result<()> {
        let subject = if moment.unfolded.is_some() { Subject::Step } else { Subject::Plane(frame.view.plane) };
        let stale = self.is_stale(moment.step, subject);
        let (Some(tools), Some(surface)) = (&mut self.tools, &self.shown) else { return Ok(()) };
        let faces = surface.faces.len() as u32;
        let points = surface.grid * surface.grid;
        // Between a sweep's end and the arrival of its numbers the device is ahead of what is known here.
        let ready = surface.faces.iter().zip(&tools.sweeps);
        if !ready.into_iter().all(|(face, sweep)| sweep.shown() == points + face.marks.len()) {
            return Ok(());
        }
        let [width, height] = frame.pixels.map(|pixels| pixels.clamp(16, 4096));
        let drawn = Drawn {
            round: self.round,
            camera: camera(frame.view),
            log: frame.view.log_height,
            dark: frame.dark,
            stale,
            size: [(width / faces.max(1)).max(16), height],
        };
        if self.drawn == Some(drawn) || matches!(&self.phase, Phase::Sweep { .. } if self.awaits()) {
            return Ok(());
        }
        let Some(tools) = &mut self.tools else { return Ok(()) };
        let scale = surface.scale(drawn.log);
        let style =
            TerrainStyle { levels: scale.levels, stale, ..TerrainStyle::new(drawn.camera, scale.heights, drawn.dark) };
        let mut encoder = frame.render.device.create_command_encoder(&Default::default());
        for (i, _) in surface.faces.iter().enumerate() {
            let (Some(picture), Some(sweep)) = (self.pictures.get_mut(i), tools.sweeps.get(i)) else { continue };
            picture.resize(frame.render, "ground", drawn.size);
            let target = picture.texture().create_view(&Default::default());
            let losses = sweep.losses();
            tools.terrain.draw(&self.parts.gpu, &mut encoder, &target, drawn.size, losses, surface.grid, &style)?;
        }
        frame.render.queue.submit([encoder.finish()]);
        if self.drawn.is_none_or(|last| (last.round, last.log) != (drawn.round, drawn.log)) {
            let rho = frame.duel.sides().get(1).map_or(0.0, |side| side.rho);
            self.laid = Some((scale, surface.faces.iter().map(|face| face.lay(&scale, rho)).collect()));
        }
        self.drawn = Some(drawn);
        Ok(())
    }

    /// Whether a sweep is whole on the device whose numbers have not arrived.
    fn awaits(&self) -> bool {
        self.progress().is_some_and(|progress| progress >= 1.0)
    }
}

/// Longest piece of a way on the ground that is drawn straight.
const PIECE: f32 = 0.04;
const CORNERS: usize = 48;

impl Face {
    fn lay(&self, scale: &Scale, rho: f32) -> Laid {
        let heights = &scale.heights;
        let lie = |[x, y]: [f32; 2]| [x, y, self.height(heights, [x, y])];
        let stand = |mark: &Mark| {
            let [x, y] = mark.at;
            (mark.what, [x, y, heights.of(mark.loss).unwrap_or(1.0)], mark.loss)
        };
        let marks: Vec<_> = self.marks.iter().map(stand).collect();
        let mark = |what| marks.iter().find(|(other, ..)| *other == what).map(|(_, at, _)| *at);
        let paths = [0, 1].map(|side| {
            let mut path: Vec<[f32; 3]> = Vec::new();
            for pair in self.paths[side].windows(2) {
                let [from, to] = [pair[0], pair[1]];
                let apart = (to[0] - from[0]).hypot(to[1] - from[1]);
                if apart < 1e-3 && !path.is_empty() {
                    continue;
                }
                let pieces = (apart / PIECE).ceil().clamp(1.0, 64.0) as usize;
                let at = |i: usize| [0, 1].map(|k| from[k] + (to[k] - from[k]) * i as f32 / pieces as f32);
                path.extend((0..pieces).map(|i| lie(at(i))));
            }
            path.extend(mark(What::Side(side)).filter(|_| !path.is_empty()));
            path
        });
        let centre = mark(What::Side(1)).filter(|_| rho > 0.0 && marks.iter().any(|(what, ..)| *what == What::Climbed));
        let ball = centre.map_or_else(Vec::new, |[x, y, _]| {
            let corner = |i: usize| (std::f32::consts::TAU * i as f32 / CORNERS as f32).sin_cos();
            let radius = rho / self.half;
            let around = (0..=CORNERS).map(corner).map(|(sin, cos)| [x + radius * cos, y + radius * sin]);
            around.filter(|at| at.iter().all(|v| v.abs() <= 1.0)).map(lie).collect()
        });
        Laid { paths, marks, ball }
    }
}
