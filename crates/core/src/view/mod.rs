//! Pictures of networks and landscapes: lit height fields rendered off screen for reports, and live ones that are computed
//! and drawn on the device from the weights that training writes, without reading them back.

mod field;
mod height_field;
mod sweep;

pub use field::Field;
pub use height_field::{Camera, HeightField, Picture};
pub use sweep::Sweep;
