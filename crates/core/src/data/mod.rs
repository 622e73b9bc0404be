//! Data sets: what is read or generated, before it goes to the device once.

/// The inputs of one split, example after example.
#[derive(Clone, Debug, PartialEq)]
pub enum Inputs {
    /// Pixels, each example channel, row, column (the order of PyTorch and of the publishers' files).
    Bytes(Vec<u8>),
    /// Coordinates or columns.
    Floats(Vec<f32>),
}

/// Examples that are measured together: the training, validation or test examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// `examples * channels * height * width` values.
    pub inputs: Inputs,
    /// One class per example, as the trainer sees it (noise included).
    pub labels: Vec<u16>,
    /// Which labels were moved to another class; empty where none were.
    pub flipped: Vec<bool>,
}

/// Channels, height and width of one example; points and columns are `width` values in one channel and row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

/// A data set on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    /// Its name, as `--data` has it.
    pub name: String,
    /// The shape of one example.
    pub shape: Shape,
    /// Number of classes.
    pub classes: usize,
    /// Training examples (those kept for validation are not among them).
    pub train: Split,
    /// The last part of the training examples, where `--val-fraction` asks for it.
    pub val: Option<Split>,
    /// Test examples; their labels are never noisy.
    pub test: Split,
    /// How inputs are scaled before they reach the network.
    pub scaling: Scaling,
}

/// `(x - mean) / std` per channel, in the units of the raw inputs (0..255 for pixels).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Scaling {
    /// One mean per channel.
    pub mean: Vec<f32>,
    /// One standard deviation per channel.
    pub std: Vec<f32>,
}

impl Shape {
    /// Values per example.
    pub fn len(self) -> usize {
        self.channels * self.height * self.width
    }

    /// Whether an example has no values at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl Split {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no examples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}
