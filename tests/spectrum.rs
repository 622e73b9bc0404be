//! Eigenvalues, traces and densities of networks' curvature against dense matrices recorded from PyTorch in float64.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::config::Activation;
use lowland::data::Dataset;
use lowland::gpu::{Family, Gpu};
use lowland::model::{Model, Style};
use lowland::probe::{Curvature, Examples, HessianOptions, Product, SpectrumOptions, Subject, hessian_directions};
use lowland::train::LaneState;
use lowland_tests::fixture::Fixture;
use lowland_tests::{FAMILIES, any_gpu, gpu};

const RECORDED: [&str; 3] = ["mlp-relu", "mlp-tanh", "cnn"];
const MATRICES: [(Product, &str); 2] = [(Product::Hessian, "hessian"), (Product::GaussNewton, "ggn")];

/// A network with its examples, weights and recorded curvature.
struct Case {
    data: Dataset,
    model: Model,
    state: LaneState,
    curvature: Fixture,
}

impl Case {
    fn read(name: &str) -> Self {
        let fixture = Fixture::read(&format!("probe-{name}"));
        let data = fixture.data();
        let text = |key: &str| fixture.network[key].as_str().unwrap();
        let activation = if text("activation") == "tanh" { Activation::Tanh } else { Activation::Relu };
        let style = Style { activation, norm: None, dropout: 0.0 };
        let model = Model::parse(text("model"), data.shape, data.classes, style).unwrap();
        let state = fixture.state(&model, "a");
        Self { data, model, state, curvature: Fixture::read(&format!("curvature-{name}")) }
    }

    fn subject<'a>(&'a self, gpu: &'a Gpu) -> Subject<'a> {
        Subject { gpu, model: &self.model, data: &self.data, examples: Examples::Train }
    }

    /// A recorded vector in the arenas' layout.
    fn vector(&self, prefix: &str) -> Vec<f32> {
        let mut arena = vec![0.0; self.model.parameter_floats()];
        for tensor in self.model.parameters() {
            tensor.pack(&self.curvature.floats(&format!("{prefix}v/{}", tensor.name)), &mut arena);
        }
        arena
    }
}

fn silent(_: usize, _: usize) {}

fn off(found: &[f32], wanted: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v) * f64::from(v);
    let distance: f64 = found.iter().zip(wanted).map(|(a, b)| square(a - b)).sum();
    (distance / wanted.iter().map(|v| square(*v)).sum::<f64>()).sqrt()
}

#[test]
fn products_are_those_of_pytorch() {
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for name in RECORDED.iter().filter(|name| family == Family::Register || **name == "cnn") {
            let case = Case::read(name);
            let curvature = pollster::block_on(Curvature::new(&case.subject(gpu), &[&case.state])).unwrap();
            for (product, matrix) in MATRICES {
                let found = pollster::block_on(curvature.product(gpu, product, &case.vector(""))).unwrap();
                let off = off(&found, &case.vector(&format!("{matrix}/")));
                assert!(off < 2e-5, "{name} {matrix} {family:?}: off by {off:.1e}");
            }
        }
    }
}

#[test]
fn eigenvalues_and_traces_are_those_of_pytorch() {
    let Some(gpu) = any_gpu() else { return };
    for name in RECORDED {
        let case = Case::read(name);
        for (product, matrix) in MATRICES {
            let what = format!("{name} {matrix}");
            let options = HessianOptions { product, ..HessianOptions::default() };
            let subject = case.subject(gpu);
            let found = pollster::block_on(options.measure(&subject, &case.state, &mut silent)).unwrap();
            let wanted = case.curvature.values(&format!("{matrix}/eigenvalues"));
            assert!(found.converged && found.eigenvalues.len() == 5, "{what}");
            for (k, (found, wanted)) in found.eigenvalues.iter().zip(wanted).enumerate() {
                assert!((found / wanted - 1.0).abs() < 2e-4, "{what} {k}: {found} is {wanted}");
            }
            assert!(found.residuals.iter().all(|r| *r < 2e-4 * wanted[0]), "{what}: {:?}", found.residuals);
            let smallest = case.curvature.values(&format!("{matrix}/smallest"))[0];
            assert!((found.smallest - smallest).abs() < 0.02 * wanted[0], "{what}: {} is {smallest}", found.smallest);
            let trace = case.curvature.values(&format!("{matrix}/trace"))[0];
            let (estimate, error) = (found.trace.unwrap(), found.trace_stderr.unwrap());
            assert!((estimate - trace).abs() < 4.0 * error, "{what}: {estimate} +- {error} is {trace}");
            assert!(error < 0.1 * trace, "{what}: the standard error {error} of {trace} is not small");
            for (k, vector) in found.vectors.iter().enumerate() {
                let norm: f64 = vector.iter().map(|v| f64::from(*v).powi(2)).sum();
                assert!((norm - 1.0).abs() < 1e-6, "{what} {k}: {norm}");
            }
            println!("{what}: {} products", found.iterations);
        }
    }
}

#[test]
fn directions_and_densities_agree_with_the_eigenvalues() {
    let Some(gpu) = any_gpu() else { return };
    let case = Case::read("mlp-tanh");
    let subject = case.subject(gpu);
    let wanted = case.curvature.values("hessian/eigenvalues");
    let directions = pollster::block_on(hessian_directions(&subject, &case.state, 2, &mut silent)).unwrap();
    assert_eq!(directions.vectors.len(), 2);
    assert!(directions.eigenvalues.iter().zip(wanted).all(|(a, b)| (a / b - 1.0).abs() < 2e-4));

    let options = SpectrumOptions { probes: 6, iterations: 60, points: 501, ..SpectrumOptions::default() };
    let found = pollster::block_on(options.measure(&subject, &case.state, &mut silent)).unwrap();
    let step = found.grid[1] - found.grid[0];
    for (spectral, matrix) in [(&found.hessian, "hessian"), (&found.ggn, "ggn")] {
        let mass: f64 = spectral.density.iter().map(|d| d * step).sum();
        assert!((mass - 1.0).abs() < 1e-6, "{matrix}: {mass}");
        let first = case.curvature.values(&format!("{matrix}/eigenvalues"))[0];
        assert!((spectral.lambda_1 / first - 1.0).abs() < 1e-3, "{matrix}: {} is {first}", spectral.lambda_1);
        let trace = case.curvature.values(&format!("{matrix}/trace"))[0];
        assert!((spectral.trace - trace).abs() < 4.0 * spectral.trace_stderr.unwrap(), "{matrix}");
        let mean: f64 = found.grid.iter().zip(&spectral.density).map(|(x, d)| x * d * step).sum();
        let estimated = spectral.trace / found.parameters as f64;
        assert!((mean - estimated).abs() < 1e-3 * first, "{matrix}: the mean eigenvalue is {mean}, or {estimated}");
    }
    // A Gauss-Newton matrix has none below zero, but for rounding.
    assert!(found.ggn.lambda_min > -1e-4 * found.ggn.lambda_1 && found.hessian.lambda_min < -0.05);
}

#[test]
fn more_eigenvalues_than_parameters_are_refused() {
    let Some(gpu) = any_gpu() else { return };
    let case = Case::read("mlp-tanh");
    for (top, words) in [(0, "top is 0"), (case.model.parameter_count() + 1, "315")] {
        let options = HessianOptions { top, ..HessianOptions::default() };
        let refused = pollster::block_on(options.measure(&case.subject(gpu), &case.state, &mut silent));
        let error = refused.unwrap_err();
        assert!(error.is_input() && error.to_string().contains(words), "{error}");
    }
}
