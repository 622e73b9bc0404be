//! Which test is answerable for which kernel.

use std::collections::BTreeSet;
use std::sync::Mutex;

/// Each kernel test with the kernels that it launches; `kernels/coverage.rs` holds it against the list of all kernels,
/// and each test against what it launched.
pub const COVERAGE: &[(&str, &[&str])] = &[
    (
        "conv",
        &[
            "conv_forward_deep",
            "conv_forward_register",
            "conv_forward_shared",
            "conv_forward_subgroup",
            "conv_grad_input_deep",
            "conv_grad_input_register",
            "conv_grad_input_shared",
            "conv_grad_input_subgroup",
            "conv_grad_weight_register",
            "conv_grad_weight_shared",
            "conv_grad_weight_subgroup",
            "conv_grad_weight_window",
            "conv_grad_weight_window_subgroup",
            "reduce_slices",
        ],
    ),
    ("dense", &["dense_forward", "dense_grad_input", "dense_grad_weight"]),
    (
        "batch norm",
        &[
            "batch_norm_stats",
            "batch_norm_finish",
            "batch_norm_apply",
            "batch_norm_grad_stats",
            "batch_norm_grad_finish",
            "batch_norm_grad_apply",
        ],
    ),
    (
        "group norm",
        &[
            "batch_norm_stats",
            "group_norm_finish",
            "group_norm_apply",
            "group_norm_grad_stats",
            "group_norm_grad_means",
            "group_norm_grad_finish",
            "group_norm_grad_apply",
        ],
    ),
    (
        "tangents of norms",
        &[
            "batch_norm_tangent_finish",
            "batch_norm_tangent_grad_finish",
            "group_norm_tangent_finish",
            "group_norm_tangent_grad_finish",
            "norm_tangent_apply",
            "norm_tangent_grad_apply",
            "norm_tangent_grad_stats",
        ],
    ),
    ("average pool", &["avg_pool_forward", "avg_pool_backward"]),
    ("dropout", &["dropout"]),
    ("add", &["add_forward", "add_backward"]),
    ("flatten", &["flatten_forward", "flatten_backward"]),
    ("max pool", &["max_pool_forward", "max_pool_backward", "max_pool_backward_apart"]),
    ("global average pool", &["global_avg_pool_forward", "global_avg_pool_backward"]),
    ("loss", &["softmax_cross_entropy"]),
    ("tangents of activations", &["activate_tangent", "activation_grad_tangent"]),
    ("tangent of max pool", &["max_pool_tangent"]),
    ("tangent of the loss", &["softmax_cross_entropy_tangent"]),
    ("sums of products", &["add_products"]),
    ("norm and ascent", &["norm_squares", "ascend"]),
    ("second-order term", &["second_order_dot", "second_order_direction", "second_order_add", "second_order_log"]),
    ("ascent in any norm", &["ascent_extremes", "ascent_powers", "ascend_p"]),
    ("sgd", &["sgd"]),
    ("adam", &["adam"]),
    ("rmsprop", &["rmsprop"]),
    ("clip", &["clip"]),
    ("accumulate", &["accumulate"]),
    ("log", &["log"]),
    ("peaks", &["multiply_add", "stream", "touch"]),
    ("gather", &["gather"]),
    ("init", &["init"]),
    ("height field", &["height_field"]),
    ("paths", &["dots", "gram", "weighted_sum"]),
    ("lanczos", &["lanczos_dots", "lanczos_coefficients", "lanczos_subtract", "lanczos_extend", "lanczos_ritz"]),
    ("points of an ascent", &["climb"]),
    ("means of a sweep", &["sweep_means"]),
    ("painted field", &["paint_field"]),
    ("refined heights", &["refine_heights"]),
    ("random points", &["noise_squares", "perturb"]),
    ("box of Keskar", &["box_step"]),
    ("random subspaces", &["subspace_dots", "subspace_sum", "subspace_point"]),
    ("clipped outcomes", &["clip_outcomes"]),
    ("posterior", &["posterior_sums", "posterior_step"]),
    ("sums of weights", &["combine", "add_gradients", "average_statistics"]),
    ("sums of outputs", &["combine_outputs"]),
];

static LAUNCHED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

/// Notes kernels as launched in this process.
pub(crate) fn launched(kernels: impl Iterator<Item = &'static str>) {
    LAUNCHED.lock().unwrap().extend(kernels);
}

/// The end of the test `name` of [`COVERAGE`]: it must have launched its kernels.
///
/// # Panics
/// Where it has not.
pub fn covers(name: &str) {
    let (_, kernels) = COVERAGE.iter().find(|(own, _)| *own == name).expect("a test of the list");
    let launched = LAUNCHED.lock().unwrap().clone();
    // Only some adapters have subgroups of the size that these kernels are written for.
    let no_subgroups = crate::any_gpu().is_some_and(|gpu| gpu.family() != lowland::gpu::Family::Subgroup);
    let possible = |kernel: &&&str| !(no_subgroups && kernel.ends_with("_subgroup"));
    let missing: Vec<_> = kernels.iter().filter(possible).filter(|kernel| !launched.contains(*kernel)).collect();
    assert!(missing.is_empty(), "the test {name} is said to launch {missing:?}, but did not");
}
