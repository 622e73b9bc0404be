//! Augmentation of one image: flip, then crop out of the padded image, then cutout.
use crate::Tensor;

/// What was drawn for an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Augmentation {
    /// Left and right change places.
    pub flip: bool,
    /// Pixels of padding on each side, whether they mirror the image, and row and column of the crop in what is padded.
    pub crop: Option<(usize, bool, [usize; 2])>,
    /// Side of the square that is 0, and row and column of its centre.
    pub cutout: Option<(usize, [usize; 2])>,
}

impl Augmentation {
    /// The image `[c, h, w]` as it is seen; `black[c]` is the value of a padded pixel.
    pub fn apply(&self, image: &Tensor, black: &[f64]) -> Tensor {
        let mut image = image.clone();
        let [channels, height, width] = image.dims();
        if self.flip {
            image.data.chunks_mut(width).for_each(<[f64]>::reverse);
        }
        if let Some((padding, reflect, [row, column])) = self.crop {
            let padded = pad(&image, padding, if reflect { None } else { Some(black) });
            for c in 0..channels {
                for r in 0..height {
                    for q in 0..width {
                        let from = (c * (height + 2 * padding) + row + r) * (width + 2 * padding) + column + q;
                        image.data[(c * height + r) * width + q] = padded.data[from];
                    }
                }
            }
        }
        if let Some((side, [row, column])) = self.cutout {
            // A square of even side has its centre below and right of the middle.
            let hides = |at: usize, centre: usize| at + side / 2 >= centre && at + side / 2 < centre + side;
            for (index, value) in image.data.iter_mut().enumerate() {
                if hides(index / width % height, row) && hides(index % width, column) {
                    *value = 0.0;
                }
            }
        }
        image
    }
}

/// `[c, h + 2 p, w + 2 p]`: around the image `black`, or the image mirrored at its outermost pixels (PyTorch's `reflect`).
fn pad(image: &Tensor, padding: usize, black: Option<&[f64]>) -> Tensor {
    let [channels, height, width] = image.dims();
    let mut out = Tensor::zeros(&[channels, height + 2 * padding, width + 2 * padding]);
    let mirrored = |at: usize, size: usize| {
        if at < padding {
            padding - at
        } else if at < padding + size {
            at - padding
        } else {
            2 * (size - 1) - (at - padding)
        }
    };
    for (index, value) in out.data.iter_mut().enumerate() {
        let (c, r, q) = (
            index / ((height + 2 * padding) * (width + 2 * padding)),
            index / (width + 2 * padding) % (height + 2 * padding),
            index % (width + 2 * padding),
        );
        let inside = (padding..padding + height).contains(&r) && (padding..padding + width).contains(&q);
        *value = match black {
            Some(black) if !inside => black[c],
            _ => image.data[(c * height + mirrored(r, height)) * width + mirrored(q, width)],
        };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_done_by_hand() {
        let image = Tensor::new(&[1, 2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let apply = |augmentation: Augmentation| augmentation.apply(&image, &[-1.0]).data;
        let none = Augmentation::default();
        assert_eq!(apply(none.clone()), image.data);
        assert_eq!(apply(Augmentation { flip: true, ..none.clone() }), [3.0, 2.0, 1.0, 6.0, 5.0, 4.0]);
        let crop = |reflect, corner| apply(Augmentation { crop: Some((1, reflect, corner)), ..none.clone() });
        assert_eq!(crop(false, [1, 1]), image.data);
        assert_eq!(crop(false, [0, 2]), [-1.0, -1.0, -1.0, 2.0, 3.0, -1.0]);
        assert_eq!(crop(true, [0, 2]), [5.0, 6.0, 5.0, 2.0, 3.0, 2.0]);
        assert_eq!(crop(true, [2, 0]), [5.0, 4.0, 5.0, 2.0, 1.0, 2.0]);
        let cut = |side, centre| apply(Augmentation { cutout: Some((side, centre)), ..none.clone() });
        assert_eq!(cut(1, [1, 2]), [1.0, 2.0, 3.0, 4.0, 5.0, 0.0]);
        assert_eq!(cut(2, [0, 0]), [0.0, 2.0, 3.0, 4.0, 5.0, 6.0], "clipped at the edges");
        assert_eq!(cut(2, [1, 1]), [0.0, 0.0, 3.0, 0.0, 0.0, 6.0]);
    }
}
