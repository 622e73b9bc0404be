//! What a trainer tells those who drive it.

/// Something that happened, in the order in which it happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// A logged step of one lane.
    Step(StepMetrics),
    /// A finished evaluation of one lane.
    Evaluation(Evaluation),
    /// The state at a checkpoint.
    Checkpoint(Box<super::Snapshot>),
    /// A lane went wrong; the others go on.
    Trouble {
        /// Which lane.
        lane: usize,
        /// After how many steps.
        step: u64,
        /// How.
        trouble: Trouble,
    },
    /// All steps and evaluations are done.
    Finished,
}

/// One step of one lane.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepMetrics {
    /// Which lane.
    pub lane: usize,
    /// The step, from 0.
    pub step: u64,
    /// Mean loss of the batch at the weights before the step.
    pub loss: f32,
    /// The same at w + e; `None` where the lane does not climb.
    pub sam_loss: Option<f32>,
    /// Fraction of the batch whose label has the highest logit.
    pub accuracy: f32,
    /// L2 norm of the first pass's gradient over all parameters.
    pub grad_norm: f32,
    /// Learning rate of the step.
    pub lr: f32,
    /// Radius of the ascent.
    pub rho: f32,
    /// The cosine between SAM's whole gradient g_s + H v and g_s, the mean over the groups of a batch; `None` where the lane
    /// does without the second-order term.
    pub second_order_cosine: Option<f32>,
}

/// A measurement of one lane on one part of the data, in inference mode with plain cross-entropy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Which lane.
    pub lane: usize,
    /// Steps done so far.
    pub step: u64,
    /// Which examples.
    pub part: Part,
    /// Mean loss.
    pub loss: f32,
    /// Fraction whose label has the highest logit.
    pub accuracy: f32,
    /// Fraction whose label is among the five highest logits.
    pub top5: f32,
    /// Number of examples.
    pub examples: u64,
}

/// The parts of a data set that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Training examples with the labels that are trained on.
    Train,
    /// Those whose label was not moved.
    TrainClean,
    /// Those whose label was moved.
    TrainFlipped,
    /// Validation examples.
    Val,
    /// Test examples.
    Test,
}

/// How a lane can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Loss or gradient is no longer a finite number.
    Diverged,
    /// The network gives every input the same uniform prediction: the loss is ln classes.
    Collapsed,
}

impl Part {
    /// The name in `eval.csv`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::TrainClean => "train-clean",
            Self::TrainFlipped => "train-flipped",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Diverged => "diverged: the loss is no longer a number; a smaller learning rate or rho may help",
            Self::Collapsed => {
                "collapsed: the same uniform prediction for every input, loss = ln(classes); rho or the learning rate is too large"
            }
        })
    }
}
