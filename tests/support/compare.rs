//! Device results against what they should be.

use crate::bench::SENTINEL;

/// What one float of a buffer should hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Want {
    /// About this.
    Near(f64),
    /// This, bit for bit.
    Exactly(f32),
    /// What was there before the kernel ran.
    Untouched,
}

/// Largest allowed difference: `absolute + relative * |wanted|`.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Allowed whatever the value.
    pub absolute: f64,
    /// Share of the value.
    pub relative: f64,
}

/// A tolerance in few letters.
pub const fn within(absolute: f64, relative: f64) -> Tolerance {
    Tolerance { absolute, relative }
}

/// `values` as [`Want::Near`].
pub fn near(values: &[f64]) -> Vec<Want> {
    values.iter().map(|value| Want::Near(*value)).collect()
}

/// `values` as [`Want::Exactly`].
pub fn exactly(values: &[f32]) -> Vec<Want> {
    values.iter().map(|value| Want::Exactly(*value)).collect()
}

/// Checks `found` (raw bits) float by float; whatever lies behind `want` must be untouched.
///
/// # Panics
/// With the number of wrong elements and the worst one.
pub fn check(what: &str, found: &[u32], want: &[Want], tolerance: Tolerance) {
    assert!(found.len() >= want.len(), "{what}: {} floats where {} are wanted", found.len(), want.len());
    let mut wrong = 0usize;
    let mut worst: Option<(f64, usize, Want)> = None;
    for (index, bits) in found.iter().enumerate() {
        let want = want.get(index).copied().unwrap_or(Want::Untouched);
        let value = f32::from_bits(*bits);
        // How far off, in units of the tolerance; above 1 is wrong.
        let off = match want {
            Want::Near(wanted) if f64::from(value) == wanted || (value.is_nan() && wanted.is_nan()) => 0.0,
            Want::Near(wanted) => {
                let off = (f64::from(value) - wanted).abs() / (tolerance.absolute + tolerance.relative * wanted.abs());
                if off.is_nan() { f64::INFINITY } else { off }
            }
            Want::Exactly(wanted) if bits == &wanted.to_bits() || (wanted == 0.0 && value == 0.0) => 0.0,
            Want::Untouched if *bits == SENTINEL => 0.0,
            Want::Exactly(_) | Want::Untouched => f64::INFINITY,
        };
        if off > 1.0 {
            wrong += 1;
            if worst.is_none_or(|(most, ..)| off > most) {
                worst = Some((off, index, want));
            }
        }
    }
    if let Some((off, index, want)) = worst {
        let value = f32::from_bits(found[index]);
        let bits = found[index];
        panic!(
            "{what}: {wrong} of {} floats are wrong, the worst at [{index}]: {value:e} ({bits:#010x}) for {want:?}, \
             {off:.3} times the tolerance {tolerance:?}",
            found.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(found: &[f32], want: &[Want]) -> bool {
        let bits: Vec<u32> = found.iter().map(|value| value.to_bits()).collect();
        std::panic::catch_unwind(|| check("test", &bits, want, within(1e-3, 1e-3))).is_err()
    }

    #[test]
    fn a_wrong_element_is_found() {
        let sentinel = f32::from_bits(SENTINEL);
        assert!(!fails(&[1.0005, 0.0, sentinel], &[Want::Near(1.0), Want::Exactly(-0.0), Want::Untouched]));
        assert!(!fails(&[1.0, sentinel], &[Want::Near(1.0)]), "untouched behind the end");
        assert!(fails(&[1.01], &[Want::Near(1.0)]));
        assert!(fails(&[f32::NAN], &[Want::Near(1.0)]));
        assert!(fails(&[1.0], &[Want::Near(f64::NAN)]));
        assert!(!fails(&[f32::NAN], &[Want::Near(f64::NAN)]));
        assert!(!fails(&[f32::INFINITY], &[Want::Near(f64::INFINITY)]));
        assert!(fails(&[f32::MAX], &[Want::Near(f64::INFINITY)]));
        assert!(fails(&[sentinel], &[Want::Near(1.0)]), "a place that was not written");
        assert!(fails(&[1e-30], &[Want::Exactly(0.0)]));
        assert!(fails(&[0.0], &[Want::Untouched]));
        assert!(fails(&[1.0, 0.0], &[Want::Near(1.0)]), "written behind the end");
    }
}
