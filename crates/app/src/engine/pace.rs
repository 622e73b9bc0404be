//! How long the device may work for a frame, so that frames keep coming, and how fast training passes.

use web_time::{Duration, Instant};

/// The pace of frames and of training.
#[derive(Debug)]
pub(super) struct Pace {
    /// Seconds a frame should take.
    target: f64,
    /// Seconds of work in a chunk.
    budget: f64,
    frames_per_second: f64,
    last: Option<Instant>,
    /// Steps that the pace to follow allows by now, and has not given out.
    steps: f64,
    frame: f64,
    /// When the steps were counted last, and how many there were.
    counted: Option<(Instant, u64)>,
    steps_per_second: Option<f64>,
}

/// How often steps are counted.
const COUNTED_EVERY: Duration = Duration::from_millis(500);

impl Pace {
    /// A pace whose frames should take `target` seconds.
    pub(super) fn new(target: f64) -> Self {
        Self {
            target,
            budget: 0.2 * target,
            frames_per_second: 0.0,
            last: None,
            steps: 0.0,
            frame: 0.0,
            counted: None,
            steps_per_second: None,
        }
    }

    /// A frame begins.
    pub(super) fn frame(&mut self) {
        let now = Instant::now();
        let Some(last) = self.last.replace(now) else { return };
        let seconds = (now - last).as_secs_f64();
        if seconds > 1.0 {
            // The window was hidden.
            return;
        }
        self.frame = seconds;
        let rate = 1.0 / seconds.max(1e-4);
        self.frames_per_second += 0.1 * (rate - self.frames_per_second);
        // Frames that are slow for other reasons than training are no reason to train less.
        let slow = seconds > 1.2 * self.target && 3.0 * self.budget > 0.5 * seconds;
        let factor = if slow { 0.85 } else { 1.08 };
        let least = (0.15 * seconds).min(0.05);
        self.budget = (self.budget * factor).clamp(least, least.max(0.6 * self.target));
    }

    /// `submitted` steps are done by now; while `trains` is false the rate stays what it was.
    pub(super) fn look(&mut self, submitted: u64, trains: bool) {
        let now = Instant::now();
        match self.counted {
            // Another training has begun.
            Some((_, steps)) if !trains || submitted < steps => self.counted = None,
            Some((since, steps)) if now - since >= COUNTED_EVERY => {
                let rate = (submitted - steps) as f64 / (now - since).as_secs_f64();
                self.steps_per_second = Some(self.steps_per_second.map_or(rate, |old| 0.5 * (old + rate)));
                self.counted = Some((now, submitted));
            }
            Some(_) => {}
            None if trains => self.counted = Some((now, submitted)),
            None => {}
        }
    }

    /// Seconds a frame should take.
    pub(super) fn target(&self) -> f64 {
        self.target
    }

    /// The length of a chunk.
    pub(super) fn budget(&self) -> Duration {
        Duration::from_secs_f64(self.budget)
    }

    /// Frames a second, of the last ones.
    pub(super) fn frames_per_second(&self) -> f64 {
        self.frames_per_second
    }

    /// Steps a second, once some have been counted.
    pub(super) fn steps_per_second(&self) -> Option<f64> {
        self.steps_per_second
    }

    /// Seconds of the frame before.
    pub(super) fn seconds(&self) -> f64 {
        self.frame
    }

    /// Steps that this frame may submit: as many as fit, or, of a race of points, what the pace to follow allows.
    pub(super) fn steps(&mut self, speed: Option<f32>, points: bool) -> u64 {
        let Some(speed) = speed.filter(|_| points) else { return u64::MAX };
        // What a slow frame could not give out is not made up for later.
        self.steps = (self.steps + f64::from(speed) * self.frame).min(0.5 * f64::from(speed));
        let whole = self.steps.floor();
        self.steps -= whole;
        whole as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_to_follow_gives_out_what_time_allows() {
        let mut pace = Pace::new(0.08);
        pace.frame = 0.01;
        let given: u64 = (0..100).map(|_| pace.steps(Some(250.0), true)).sum();
        assert!((249..=250).contains(&given), "{given}");
        assert_eq!(pace.steps(None, true), u64::MAX);
        assert_eq!(pace.steps(Some(250.0), false), u64::MAX);
        // A frame that took a minute is no debt.
        pace.frame = 60.0;
        assert_eq!(pace.steps(Some(250.0), true), 125);
    }

    #[test]
    fn steps_are_counted_while_training_goes_on() {
        let mut pace = Pace::new(0.08);
        pace.look(10, true);
        std::thread::sleep(COUNTED_EVERY);
        pace.look(60, true);
        let rate = pace.steps_per_second().unwrap();
        assert!(rate > 1.0 && rate <= 100.0, "{rate}");
        pace.look(60, false);
        pace.look(0, true);
        assert_eq!(pace.steps_per_second(), Some(rate));
    }
}
