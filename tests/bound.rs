//! Bounds of a recorded network: measured terms against f64, and the learning of a posterior against its twin.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland::probe::{Bound, BoundOptions, BoundedLoss, Examples, LearnOptions, Prior, Subject, formulas};
use lowland::rng::{gaussian, shuffled};
use lowland_reference::{ascent, sharpness};
use lowland_tests::any_gpu;
use lowland_tests::mlp::Mlp;

fn near(what: &str, found: f64, wanted: f64, relative: f64) {
    let off = (found - wanted).abs() / wanted.abs();
    assert!(off <= relative, "{what}: {found} for {wanted}, off by {off:.1e}, allowed {relative:.0e}");
}

const OPTIONS: BoundOptions = BoundOptions {
    rho: 0.2,
    delta: 0.05,
    loss: BoundedLoss::Clipped,
    ln_hypotheses: None,
    ascent_steps: 4,
    samples: 16,
    sample_delta: 0.01,
    seed: 2,
    learn: None,
};

fn measure(mlp: &Mlp, options: BoundOptions, prior: Prior<'_>) -> Option<Bound> {
    let gpu = any_gpu()?;
    let subject = Subject { gpu, model: &mlp.model, data: &mlp.data, examples: Examples::Train };
    Some(pollster::block_on(options.measure(&subject, &mlp.state, prior, &mut |_, _| {})).unwrap())
}

#[test]
fn every_term_is_what_its_formula_makes_of_what_was_measured() {
    let mlp = Mlp::read("probe-mlp-relu", 200);
    let (n, k) = (200.0, mlp.parameters.len() as f64);
    for (loss, place) in [(BoundedLoss::Clipped, 1), (BoundedLoss::Error, 2)] {
        let Some(bound) = measure(&mlp, BoundOptions { loss, ..OPTIONS }, Prior::Zero) else { return };
        near("loss", bound.loss, mlp.losses(&mlp.parameters)[place], 1e-5);
        let (_, gradient) = mlp.loss_and_gradient(&mlp.parameters);
        let e = ascent::sam(&gradient, 0.2);
        let one: Vec<f64> = mlp.parameters.iter().zip(e).map(|(w, e)| w + e).collect();
        assert!(bound.max_loss >= mlp.losses(&one)[place] - 1e-5, "{} at least", bound.max_loss);
        let squares: f64 = mlp.parameters.iter().map(|w| w * w).sum();
        near("|w|^2", bound.distance_squared, squares, 1e-6);
        let variance = formulas::variance_of_ball(n, k, 0.2);
        let spot = |which: u32| {
            let xi: Vec<f64> = (0..k as u32).map(|i| gaussian(2, which, i)).collect();
            let one = vec![1.0; xi.len()];
            mlp.losses(&sharpness::perturb(&mlp.parameters, &one, &xi, variance.sqrt(), false))[place]
        };
        let mean = (0..16).map(spot).sum::<f64>() / 16.0;
        let pac = bound.pac_bayes;
        near("E_Q L", pac.certificate.expected_loss, mean, 1e-4);
        near("limit", pac.certificate.expected_loss_limit, formulas::monte_carlo_limit(mean, 16.0, 0.01), 1e-4);
        let grid = formulas::grid_prior(n, k, variance, squares, 0.05);
        near("KL", pac.kl, grid.kl, 1e-6);
        // So few examples of so many parameters: the grid of the theorem ends before the weights.
        assert!(!pac.grid_reached && pac.kl > pac.kl_bound && pac.ln_n_over_delta <= pac.ln_bound);
        assert!(bound.notes.iter().any(|note| note.contains("too far from the prior")));
        near("PAC-Bayes", pac.bound, pac.certificate.expected_loss_limit + pac.term, 1e-12);
        near("term", pac.term, ((pac.kl + pac.ln_n_over_delta) / (2.0 * 199.0)).sqrt(), 1e-12);
        let roots = formulas::sam_roots(n, k, squares, 0.2, 0.05);
        near("deck", bound.sam.deck.bound, bound.max_loss + roots.deck, 1e-6);
        near("paper", bound.sam.paper.bound, bound.max_loss + roots.paper, 1e-6);
        let outside = 1.0 / n.sqrt();
        near("exact", bound.sam.exact.bound, (1.0 - outside) * bound.max_loss + outside + roots.exact, 1e-6);
        near("finite", bound.finite_class.term, ((32.0 * k * 2f64.ln() + 40f64.ln()) / 400.0).sqrt(), 1e-12);
        assert!(bound.finite_class.vacuous && bound.sam.paper.vacuous, "200 examples say nothing of this network");
        assert!(bound.notes.iter().any(|note| note.contains("5 of 5 bounds") && note.contains("vacuous")));
        assert!(bound.notes.iter().any(|note| note.contains("1/sqrt(n)")));
        let a = bound.assumption;
        near("test loss", a.test_loss, bound.loss, 1e-6);
        near("perturbed", a.test_loss_perturbed, mean, 1e-4);
    }
    let init = mlp.state.weights.clone();
    let Some(bound) = measure(&mlp, BoundOptions { ln_hypotheses: Some(1e6f64.ln()), ..OPTIONS }, Prior::Init(&init))
    else {
        return;
    };
    assert_eq!((bound.distance_squared, bound.prior, bound.finite_class.hypotheses), (0.0, "init", "given"));
    let pac = bound.pac_bayes;
    assert!(pac.grid_reached && pac.kl <= pac.kl_bound, "the prior is where the weights are");
    near("a finite class of 1e6", bound.finite_class.term, formulas::finite_class(1e6f64.ln(), n, 0.05), 1e-12);
    assert!(!bound.finite_class.vacuous);
}

#[test]
fn a_posterior_is_learned_as_the_twin_learns_it() {
    let mlp = Mlp::read("probe-mlp-tanh", 60);
    let (n, k, steps) = (60usize, mlp.parameters.len(), 7u64);
    let learn = LearnOptions { steps, lr: 0.01, batch: 20, sigma: Some(0.03) };
    let options = BoundOptions { learn: Some(learn), ..OPTIONS };
    let prior: Vec<f64> = mlp.parameters.iter().map(|w| 0.9 * w).collect();
    let Some(bound) = measure(&mlp, options, Prior::Init(&mlp.arena(&prior))) else { return };
    let learned = bound.learned.unwrap();
    let mut twin = sharpness::Posterior {
        examples: n as f64,
        logs: formulas::ln_n_over_delta_j(n as f64, 0.05, 1.0),
        grid: [0.1, 100.0],
        surrogate: 1.0 / 2f64.ln(),
        lr: 0.01,
        prior,
        mean: mlp.parameters.clone(),
        log_sigma: 0.03f64.ln(),
        step: 0,
        moments: [vec![0.0; k + 1], vec![0.0; k + 1]],
    };
    for step in 0..steps as u32 {
        let xi: Vec<f64> = (0..k as u32).map(|i| gaussian(!2, step, i)).collect();
        let w: Vec<f64> = twin.mean.iter().zip(&xi).map(|(m, xi)| m + twin.log_sigma.exp() * xi).collect();
        let place = |i: u32| shuffled(2, step / 3, n as u32, step % 3 * 20 + i) as usize;
        let (_, g) = mlp.of_batch(&w, &(0..20).map(place).collect::<Vec<_>>());
        twin.step(&g, &xi);
    }
    near("s", learned.sigma, twin.log_sigma.exp(), 2e-4);
    let distance: f64 = twin.mean.iter().zip(&twin.prior).map(|(m, p)| (m - p).powi(2)).sum();
    near("|m - m_P|^2", learned.distance_squared, distance, 1e-3);
    let [j, ..] = twin.bound();
    assert!((learned.j - j).abs() <= 0.6, "{} for {j}", learned.j);
    near("s_P^2", learned.prior_variance, 0.1 * (-learned.j / 100.0).exp(), 1e-12);
    near("bound", learned.bound, learned.certificate.expected_loss_limit + learned.term, 1e-12);
    assert!(learned.bound_by_kl_inverse <= 1.0 && learned.confidence == 1.0 - 0.05 - 0.01);
}

#[test]
fn learning_makes_the_bound_smaller() {
    let mlp = Mlp::read("probe-mlp-relu", 600);
    let prior: Vec<f32> = mlp.state.weights.iter().map(|w| 0.8 * w).collect();
    let learned = |steps| {
        let learn = LearnOptions { steps, lr: 0.01, batch: 100, sigma: Some(0.01) };
        let options = BoundOptions { learn: Some(learn), samples: 64, loss: BoundedLoss::Error, ..OPTIONS };
        measure(&mlp, options, Prior::Init(&prior)).map(|bound| bound.learned.unwrap())
    };
    let (Some(few), Some(many)) = (learned(1), learned(300)) else { return };
    assert!(many.bound < few.bound - 0.1, "{} after a step, {} after 300", few.bound, many.bound);
    assert!(many.kl < few.kl && many.sigma > few.sigma, "{few:?} {many:?}");
    assert!(many.bound_by_kl_inverse <= many.bound && !many.vacuous, "{many:?}");
    assert!(many.certificate.expected_loss <= many.certificate.expected_loss_limit);
}
