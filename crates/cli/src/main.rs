//! The program `lowland`.
fn main() {}
