//! Pictures that the device renders off screen.

mod height_field;

pub use height_field::{Camera, HeightField, Picture};
