//! The curves.

use super::Scene;
use crate::curves::Quantity;
use egui_plot::{Line, Plot, PlotPoints};

/// Draws them.
pub fn curves_ui(ui: &mut egui::Ui, scene: &mut Scene<'_>) {
    let Some(duel) = scene.engine.duel() else { return };
    Plot::new("test accuracy").height(ui.available_height()).show(ui, |plot| {
        for (i, side) in duel.sides().iter().enumerate() {
            let series = scene.state.curves.series(side.first, Quantity::TestAccuracy);
            let points: Vec<[f64; 2]> = series.iter().map(|p| [p.step as f64, f64::from(p.value)]).collect();
            plot.line(Line::new(side.label.clone(), PlotPoints::from(points)).color(scene.side_color(i)));
        }
    });
}
