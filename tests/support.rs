//! What the whole-engine tests share: one device per test and tile family, benches that run kernels between sentinels, layers
//! with random contents, and comparisons that name the worst element.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

#[path = "support/bench.rs"]
pub mod bench;
#[path = "support/compare.rs"]
pub mod compare;
#[path = "support/coverage.rs"]
pub mod coverage;
#[path = "support/fixture.rs"]
pub mod fixture;
#[path = "support/lanes.rs"]
pub mod lanes;
#[path = "support/layer.rs"]
pub mod layer;
#[path = "support/layout.rs"]
pub mod layout;
#[path = "support/mlp.rs"]
pub mod mlp;
#[path = "support/tangent.rs"]
pub mod tangent;
#[path = "support/training.rs"]
pub mod training;

use lowland::config::Activation;
use lowland::gpu::{Family, Gpu, GpuOptions};
use std::cell::OnceCell;

/// The tile families. Every adapter runs the first two; the third is the first again where there are no subgroups of 8.
pub const FAMILIES: [Family; 3] = [Family::Register, Family::Shared, Family::Subgroup];

/// The activations of the engine beside those of the twins.
pub const ACTIVATIONS: [(Activation, lowland_reference::Activation); 5] = [
    (Activation::Relu, lowland_reference::Activation::Relu),
    (Activation::LeakyRelu, lowland_reference::Activation::LeakyRelu),
    (Activation::Gelu, lowland_reference::Activation::Gelu),
    (Activation::Silu, lowland_reference::Activation::Silu),
    (Activation::Tanh, lowland_reference::Activation::Tanh),
];

/// The device of this test with the kernels of `family`, or `None` where this machine has no adapter.
///
/// Each thread, and so each test, has its own: two threads that wait for one device run into an assertion of wgpu-core 30
/// ("the current submission index should be at least the wait submission index").
///
/// # Panics
/// Without an adapter where `REQUIRE_GPU=1`: there a test that cannot run has failed.
pub fn gpu(family: Family) -> Option<&'static Gpu> {
    thread_local! {
        static DEVICES: [OnceCell<Option<&'static Gpu>>; FAMILIES.len()] = const { [const { OnceCell::new() }; FAMILIES.len()] };
    }
    let place = FAMILIES.iter().position(|own| *own == family).expect("the list is whole");
    let open = || match pollster::block_on(Gpu::open(&GpuOptions { family: Some(family), ..GpuOptions::default() })) {
        // A few a process, which end with it.
        Ok(gpu) => Some(&*Box::leak(Box::new(gpu))),
        Err(error) => {
            let required = std::env::var("REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "REQUIRE_GPU=1, but: {error}");
            eprintln!("SKIPPED, no GPU: {error}\nSet REQUIRE_GPU=1 to make this a failure.");
            None
        }
    };
    DEVICES.with(|devices| *devices[place].get_or_init(open))
}

/// The device for kernels that have no families.
pub fn any_gpu() -> Option<&'static Gpu> {
    gpu(Family::Subgroup)
}

/// The twin of an activation.
pub fn twin(activation: Activation) -> lowland_reference::Activation {
    ACTIVATIONS.iter().find(|(engine, _)| *engine == activation).expect("the list is whole").1
}

/// `ACTIVATION` in the kernels: the order of [`ACTIVATIONS`], counted from 1; 0 is none.
pub fn activation_code(activation: Option<Activation>) -> f64 {
    let place = |wanted| ACTIVATIONS.iter().position(|(engine, _)| *engine == wanted).expect("the list is whole");
    activation.map_or(0.0, |wanted| place(wanted) as f64 + 1.0)
}
