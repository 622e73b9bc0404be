//! Every kernel has a test that holds it against its twin.

use lowland_tests::coverage::COVERAGE;
use std::collections::BTreeSet;

#[test]
fn every_kernel_has_a_test() {
    let all: BTreeSet<&str> = lowland_shaders::KERNELS.iter().map(|kernel| kernel.name).collect();
    let tested: BTreeSet<&str> = COVERAGE.iter().flat_map(|(_, kernels)| kernels.iter().copied()).collect();
    assert!(!all.is_empty());
    assert_eq!(all, tested, "kernels on the left, tested ones on the right (tests/support/coverage.rs)");
}

/// Shaders that draw are held against what their pictures must show, in `tests/live_pictures.rs`.
#[test]
fn every_shader_that_draws_has_tests_of_its_pictures() {
    let all: Vec<&str> = lowland_shaders::RENDER_SHADERS.iter().map(|shader| shader.name).collect();
    assert_eq!(all, ["terrain"]);
}

#[test]
fn every_test_of_the_list_closes_by_checking_what_it_launched() {
    let sources = [
        include_str!("conv.rs"),
        include_str!("norm_and_pool.rs"),
        include_str!("norm_tangent.rs"),
        include_str!("tangent.rs"),
        include_str!("layers.rs"),
        include_str!("lanczos.rs"),
        include_str!("loss.rs"),
        include_str!("ascent.rs"),
        include_str!("second_order.rs"),
        include_str!("optim.rs"),
        include_str!("data.rs"),
        include_str!("path.rs"),
        include_str!("noise.rs"),
        include_str!("probe.rs"),
        include_str!("view.rs"),
        include_str!("bench.rs"),
    ]
    .concat();
    for (name, _) in COVERAGE {
        assert!(sources.contains(&format!("covers(\"{name}\")")), "no test calls covers(\"{name}\")");
    }
}
