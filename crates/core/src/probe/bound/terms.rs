//! What was computed: the terms of each bound by name, and what has to be known to read them.

use super::{BoundedLoss, Learned};
use serde::Serialize;

/// A Monte-Carlo estimate of E_Q L and its upper limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Certificate {
    /// Draws of Q.
    pub samples: usize,
    /// delta'.
    #[serde(rename = "sample_delta")]
    pub delta: f64,
    /// The mean of L over the draws.
    pub expected_loss: f64,
    /// Its standard error.
    pub expected_loss_stderr: f64,
    /// E_Q L is not above this with probability 1 - delta' (Chernoff).
    pub expected_loss_limit: f64,
    /// The same by Hoeffding's inequality.
    pub expected_loss_limit_hoeffding: f64,
}

/// The bound of a finite class.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FiniteClass {
    /// ln #H.
    pub ln_hypotheses: f64,
    /// Where #H comes from.
    pub hypotheses: &'static str,
    /// sqrt((ln #H + ln(2 / delta)) / (2 n)).
    pub term: f64,
    /// L_S(w) and the term.
    pub bound: f64,
    /// Whether it says nothing.
    pub vacuous: bool,
}

/// McAllester's bound for Q = N(w, s^2 I), s from rho, and the prior N(m_P, s_P^2 I) with s_P^2 on a grid.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PacBayes {
    /// s^2 = rho^2 / (k (1 + sqrt(2 ln n / k) + ln n / k)).
    pub posterior_variance: f64,
    /// ln c of the grid c exp((1 - j) / k), c = s^2 (1 + exp(4 n / k)).
    pub ln_c: f64,
    /// The place in the grid.
    pub j: f64,
    /// Whether the grid reaches the best prior; else its widest was taken, and KL is larger than `kl_bound`.
    pub grid_reached: bool,
    /// s_P^2.
    pub prior_variance: f64,
    /// KL(Q | P).
    pub kl: f64,
    /// 1/2 (1 + k ln(1 + |w - m_P|^2 / (k s^2))), which KL does not exceed.
    pub kl_bound: f64,
    /// ln(n / delta_j).
    pub ln_n_over_delta: f64,
    /// ln(n / delta) + 2 ln(6 n + 3 k), which it does not exceed.
    pub ln_bound: f64,
    /// The Monte-Carlo estimate of E_Q L and its limit.
    #[serde(flatten)]
    pub certificate: Certificate,
    /// sqrt((KL + ln(n / delta_j)) / (2 (n - 1))).
    pub term: f64,
    /// The limit of E_Q L and the term; for E_Q L_D.
    pub bound: f64,
    /// Whether it says nothing.
    pub vacuous: bool,
}

/// One form of SAM's bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SamBound {
    /// What the maximum over the ball counts with: 1, or 1 - 1 / sqrt(n).
    pub max_factor: f64,
    /// What is left outside the ball: 0, or 1 / sqrt(n).
    pub outside: f64,
    /// The root.
    pub term: f64,
    /// max_factor max L_S + outside + term.
    pub bound: f64,
    /// Whether it says nothing.
    pub vacuous: bool,
}

/// SAM's bound in three forms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SamBounds {
    /// As the lecture has it.
    pub deck: SamBound,
    /// Theorem 2 of Foret et al. 2021.
    pub paper: SamBound,
    /// With the constants of the proof.
    pub exact: SamBound,
}

/// L_D(w) <= E L_D(w + e), e ~ N(0, s^2 I), estimated on the test examples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Assumption {
    /// The deviation of e.
    pub sigma: f64,
    /// Test examples.
    pub test_examples: usize,
    /// L(w) on them.
    pub test_loss: f64,
    /// The mean of L(w + e) on them.
    pub test_loss_perturbed: f64,
    /// Its standard error over the draws of e.
    pub stderr: f64,
    /// Draws of e.
    pub samples: usize,
    /// `holds`, `fails` or `undecided`: the difference against two standard errors.
    pub verdict: &'static str,
}

/// All bounds of one set of weights.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bound {
    /// The loss in [0, 1].
    pub loss_kind: BoundedLoss,
    /// Training examples.
    pub n: usize,
    /// Parameters.
    pub k: usize,
    /// Radius of the ball.
    pub rho: f64,
    /// delta.
    pub delta: f64,
    /// Where the prior's mean is: `zero` or `init`.
    pub prior: &'static str,
    /// |w|^2.
    pub weights_squared: f64,
    /// |w - m_P|^2.
    pub distance_squared: f64,
    /// L_S(w).
    pub loss: f64,
    /// max L_S(w + e) over |e| <= rho, as far as the ascent found it.
    pub max_loss: f64,
    /// How it was estimated.
    pub max_estimate: &'static str,
    /// The bound of a finite class.
    pub finite_class: FiniteClass,
    /// McAllester's.
    pub pac_bayes: PacBayes,
    /// SAM's.
    pub sam: SamBounds,
    /// What SAM's rests on.
    pub assumption: Assumption,
    /// A posterior that was learned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learned: Option<Learned>,
    /// What has to be known to read the numbers: errata of the lecture, and what is an estimate.
    pub notes: Vec<String>,
}

/// What has to be known to read the numbers.
pub(super) fn notes(bound: &Bound) -> Vec<String> {
    let mut notes = vec![
        "The lecture's form drops the 1/sqrt(n) that is left outside the ball and the factor 1 - 1/sqrt(n), and has no slack to \
         absorb them; the form with exact constants keeps both. The paper's root is twice as large and absorbs them."
            .to_owned(),
        "In the logarithm the lecture has (1 + sqrt(2 ln n / k))^2, the paper (1 + sqrt(ln n / k))^2; both are valid, the proof \
         gives 1 + sqrt(2 ln n / k) + ln n / k."
            .to_owned(),
        "The lecture's \"|e|^2 is chi^2(k s^2)\" means that |e|^2 / s^2 is chi^2 with k degrees of freedom.".to_owned(),
        "max L_S over the ball is what the ascent found, a lower estimate of it: SAM's bounds with it are estimates, too."
            .to_owned(),
        "SAM's bound is one of L_D(w) only where L_D(w) <= E L_D(w + e); `assumption` is a check on the test examples, no proof."
            .to_owned(),
    ];
    match bound.assumption.verdict {
        "fails" => notes.push(
            "On the test examples L_D(w) is larger than E L_D(w + e): the assumption fails, and SAM's bound is one of w + e only."
                .to_owned(),
        ),
        "undecided" => notes.push(
            "On the test examples the assumption is within two standard errors; more --certificate-samples decide it.".to_owned(),
        ),
        _ => {}
    }
    if !bound.pac_bayes.grid_reached {
        notes.push("The weights are too far from the prior for its grid: the widest prior was taken.".to_owned());
    }
    if bound.prior == "init" {
        notes.push("The prior lies at the initial weights, which were there before the data: |w - w_0|^2 takes the place of |w|^2.".to_owned());
    }
    let sam = [bound.sam.deck, bound.sam.paper, bound.sam.exact].map(|form| form.vacuous);
    let all = [bound.finite_class.vacuous, bound.pac_bayes.vacuous].into_iter().chain(sam);
    let vacuous = all.filter(|vacuous| *vacuous).count();
    if vacuous > 0 {
        notes.push(format!("{vacuous} of 5 bounds are 1 or more: vacuous, they say nothing about a loss in [0, 1]."));
    }
    notes
}
