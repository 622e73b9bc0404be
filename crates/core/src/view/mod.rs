//! Pictures of networks and landscapes: lit height fields rendered off screen for reports, and live ones that are computed
//! and drawn on the device from the weights that training writes, without reading them back.

mod camera;
mod field;
mod height;
mod height_field;
mod pages;
mod paint;
mod sweep;
mod terrain;

pub use camera::TerrainCamera;
pub use field::Field;
pub use height::{HeightScale, tint};
pub use height_field::{Camera, HeightField, Picture};
pub use paint::{FieldPainter, FieldStyle};
pub use sweep::Sweep;
pub use terrain::{Terrain, TerrainStyle};
