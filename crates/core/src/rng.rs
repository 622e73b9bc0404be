//! The counter-based random numbers, bit for bit the same as `shaders/shared/rng.wgsl`.
//!
//! A number is a function of (seed, stream, index), so nothing has to be drawn in order, a run can resume anywhere, and
//! the device needs no state.

/// What a random number is for. Streams with different purposes never meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stream {
    /// Initial weights; the index counts tensors and elements.
    Init = 1,
    /// The order of the examples in an epoch.
    Order = 2,
    /// Generated data sets.
    Data = 3,
    /// Which labels are flipped, and to what.
    Noise = 4,
    /// Masks of dropout.
    Dropout = 5,
    /// Augmentation of training images.
    Augment = 6,
    /// Directions of a loss surface; the index counts tensors and elements.
    Directions = 16,
    /// Perturbations of whole sets of weights; the index is a parameter's place in PyTorch's order.
    Perturbation = 24,
    /// Vectors that the curvature is looked at along; the index counts parameters.
    Probes = 17,
}

/// Threefry-2x32 with 20 rounds (Salmon et al., *Parallel random numbers: as easy as 1, 2, 3*, SC 2011).
pub fn threefry(key: [u32; 2], counter: [u32; 2]) -> [u32; 2] {
    const ROTATIONS: [u32; 8] = [13, 15, 26, 6, 17, 29, 16, 24];
    let keys = [key[0], key[1], 0x1BD1_1BDA ^ key[0] ^ key[1]];
    let mut x = [counter[0].wrapping_add(keys[0]), counter[1].wrapping_add(keys[1])];
    for round in 0..20 {
        x[0] = x[0].wrapping_add(x[1]);
        x[1] = x[1].rotate_left(ROTATIONS[round % 8]) ^ x[0];
        if round % 4 == 3 {
            let block = round / 4 + 1;
            x[0] = x[0].wrapping_add(keys[block % 3]);
            x[1] = x[1].wrapping_add(keys[(block + 1) % 3]).wrapping_add(block as u32);
        }
    }
    x
}

/// A sequence of random numbers on the host: stream `stream` of `seed`, counted from 0.
#[derive(Clone, Debug)]
pub struct Rng {
    key: [u32; 2],
    index: u32,
    sub: u32,
}

impl Rng {
    /// The numbers of (`seed`, `stream`, `sub`); `sub` tells apart the sequences of one stream.
    pub fn new(seed: u32, stream: Stream, sub: u32) -> Self {
        Self { key: [seed, stream as u32], index: 0, sub }
    }

    /// The next 32 random bits.
    pub fn next_u32(&mut self) -> u32 {
        let bits = threefry(self.key, [self.index, self.sub])[0];
        self.index = self.index.wrapping_add(1);
        bits
    }

    /// Uniform in [0, 1) with 24 bits.
    pub fn uniform(&mut self) -> f32 {
        (self.next_u32() >> 8) as f32 * (1.0 / 16_777_216.0)
    }

    /// Uniform in 0..n (n > 0), by Lemire's multiplication; the bias is below n / 2^32.
    pub fn below(&mut self, n: u32) -> u32 {
        ((u64::from(self.next_u32()) * u64::from(n)) >> 32) as u32
    }

    /// Standard normal (Box and Muller 1958), one per call.
    pub fn normal(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - f64::from(self.uniform())).ln()).sqrt();
        let angle = std::f64::consts::TAU * f64::from(self.uniform());
        (radius * angle.cos()) as f32
    }
}

/// Place `index` of the shuffled order of `n` examples in `epoch`: a bijection of 0..n.
///
/// A balanced Feistel network over the next even power of two, walked until it lands inside (Black and Rogaway,
/// *Ciphers with arbitrary finite domains*, 2002): no sort, no table, no upload.
pub fn shuffled(seed: u32, epoch: u32, n: u32, index: u32) -> u32 {
    let half_bits = (32 - (n.max(2) - 1).leading_zeros()).div_ceil(2);
    let mask = (1u32 << half_bits) - 1;
    let keys = [
        threefry([seed, Stream::Order as u32], [epoch, 0]),
        threefry([seed, Stream::Order as u32], [epoch, 1]),
        threefry([seed, Stream::Order as u32], [epoch, 2]),
        threefry([seed, Stream::Order as u32], [epoch, 3]),
    ];
    let mut place = index;
    loop {
        let (mut left, mut right) = (place >> half_bits, place & mask);
        for round in 0..8 {
            let mixed = mix(right ^ keys[round / 2][round % 2]);
            (left, right) = (right, left ^ (mixed & mask));
        }
        place = (left << half_bits) | right;
        if place < n {
            return place;
        }
    }
}

/// The finaliser of MurmurHash3 (Appleby): a bijection of 32 bits in which every bit depends on every other.
fn mix(bits: u32) -> u32 {
    let mut x = bits;
    x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
    x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
    x ^ (x >> 16)
}

/// The random bits of element `element` of a step's whole batch for the dropout of layer `layer`. An element's place counts
/// the padded values of the examples before it.
pub fn dropout_bits(seed: u32, layer: u32, step: u32, element: u32) -> u32 {
    threefry([seed, Stream::Dropout as u32 | layer << 8], [element / 2, step])[(element % 2) as usize]
}

/// 64 random bits for the augmentation of the example at `position` of a step's whole batch. `draw` tells apart what they
/// are for: 0 the crop (column, row), 1 the centre of the cutout (column, row), 2 the flip (the first bit).
pub fn augment_bits(seed: u32, draw: u32, step: u32, position: u32) -> [u32; 2] {
    threefry([seed, Stream::Augment as u32 | draw << 8], [step, position])
}

/// The standard normal number of the parameter at `place` in the draw `which` of `seed`, as `shaders/shared/noise.wgsl` has it
/// (Box and Muller 1958), in f64.
pub fn gaussian(seed: u32, which: u32, place: u32) -> f64 {
    let [x, y] = threefry([seed, Stream::Perturbation as u32], [place, which]);
    let unit = |bits: u32| f64::from(bits >> 8) / 16_777_216.0;
    (-2.0 * (1.0 - unit(x)).ln()).sqrt() * (std::f64::consts::TAU * unit(y)).cos()
}

/// The number in [-1, 1) of the parameter at `place` in the draw `which` of `seed`, as `shaders/probe/box_step.wgsl` has it.
pub fn symmetric(seed: u32, which: u32, place: u32) -> f64 {
    let [x, _] = threefry([seed, Stream::Perturbation as u32], [place, which]);
    f64::from(x >> 8) / 8_388_608.0 - 1.0
}

/// Uniform in 0..n for n up to 65,536, from the upper 16 of 32 random bits; the bias is below n / 65,536.
pub fn below(bits: u32, n: u32) -> u32 {
    ((bits >> 16) * n) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threefry_matches_the_published_vectors() {
        assert_eq!(threefry([0, 0], [0, 0]), [0x6b20_0159, 0x99ba_4efe]);
        assert_eq!(threefry([u32::MAX; 2], [u32::MAX; 2]), [0x1cb9_96fc, 0xbb00_2be7]);
        assert_eq!(threefry([0x1319_8a2e, 0x0370_7344], [0x243f_6a88, 0x85a3_08d3]), [0xc492_3a9c, 0x483d_f7a0]);
    }

    #[test]
    fn an_epoch_visits_every_example_once() {
        for n in [1, 2, 3, 4, 5, 17, 64, 100, 1000, 4097] {
            for epoch in 0..3 {
                let mut places: Vec<u32> = (0..n).map(|i| shuffled(7, epoch, n, i)).collect();
                places.sort_unstable();
                assert!(places.iter().copied().eq(0..n), "n = {n}, epoch {epoch}");
            }
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let order = |seed, epoch| (0..1000).map(|i| shuffled(seed, epoch, 1000, i)).collect::<Vec<_>>();
        assert_ne!(order(0, 0), order(0, 1));
        assert_ne!(order(0, 0), order(1, 0));
        let fixed = order(3, 5).iter().enumerate().filter(|(i, place)| *i as u32 == **place).count();
        assert!(fixed < 10, "a random permutation has about one fixed point, this one {fixed}");
    }
}
