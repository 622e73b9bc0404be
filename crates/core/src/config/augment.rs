//! Augmentation of training images, as a person lists it.

use crate::data::Shape;
use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What is done to each training image, drawn anew in each step: flip, then crop, then cutout. As text a list such as
/// `flip,crop:4,cutout:16`, or `none`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Augment {
    /// Left and right change places, with probability 1/2.
    pub flip: bool,
    /// The image is padded on all sides and a part of its own size cut out of it.
    pub crop: Option<Crop>,
    /// A square of this side is zero after scaling; its centre is uniform over the image, and it is clipped at the edges
    /// (DeVries and Taylor 2017).
    pub cutout: Option<u32>,
}

/// A random crop out of the padded image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// Pixels on each side.
    pub padding: u32,
    /// Whether they mirror the image; else they are black, 0 before scaling.
    pub reflect: bool,
}

const LIST: &str = "flip, crop:N, crop:N:reflect, cutout:N or none";

impl Augment {
    /// Whether there is anything to do.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Checks that examples of this shape can be augmented so.
    ///
    /// # Errors
    /// [`Error::Input`] for data that are no images, and for sizes that leave nothing of them.
    pub fn check(&self, shape: Shape) -> Result<()> {
        let side = shape.height.min(shape.width);
        if !self.is_none() && shape.height * shape.width == 1 {
            return Err(Error::input(format!(
                "augment is {self}, but the data set has no images; leave --augment away."
            )));
        }
        let sizes = [("crop", self.crop.map(|crop| crop.padding)), ("cutout", self.cutout)];
        match sizes.into_iter().find_map(|(name, size)| Some((name, size.filter(|size| *size as usize >= side)?))) {
            None => Ok(()),
            Some((name, size)) => Err(Error::input(format!(
                "augment: {name}:{size} is too large for images of {}x{}; take at most {}.",
                shape.height,
                shape.width,
                side - 1
            ))),
        }
    }
}

impl FromStr for Augment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut all = Self::default();
        if text == "none" {
            return Ok(all);
        }
        for item in text.split(',').map(str::trim) {
            let wrong = |why: String| Error::input(format!("augment '{item}' {why}; write a list of {LIST}"));
            let mut parts = item.split(':');
            let (name, size, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.collect::<Vec<_>>());
            let number = || {
                let number = size.and_then(|size| size.parse().ok()).filter(|n| (1..=30_000).contains(n));
                number.ok_or_else(|| wrong("needs a whole number of pixels from 1 to 30000".into()))
            };
            let twice = match (name, size, rest.as_slice()) {
                ("flip", None, []) => std::mem::replace(&mut all.flip, true),
                ("crop", _, [] | ["reflect" | "zero"]) => {
                    let crop = Crop { padding: number()?, reflect: rest == ["reflect"] };
                    all.crop.replace(crop).is_some()
                }
                ("cutout", _, []) => all.cutout.replace(number()?).is_some(),
                _ => return Err(wrong("is not one of them".into())),
            };
            if twice {
                return Err(wrong(format!("is the second {name}")));
            }
        }
        Ok(all)
    }
}

impl fmt::Display for Augment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flip = self.flip.then(|| "flip".to_owned());
        let reflect = |crop: Crop| if crop.reflect { ":reflect" } else { "" };
        let crop = self.crop.map(|crop| format!("crop:{}{}", crop.padding, reflect(crop)));
        let cutout = self.cutout.map(|side| format!("cutout:{side}"));
        let items: Vec<_> = [flip, crop, cutout].into_iter().flatten().collect();
        f.write_str(if items.is_empty() { "none".into() } else { items.join(",") }.as_str())
    }
}

impl TryFrom<String> for Augment {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Augment> for String {
    fn from(augment: Augment) -> Self {
        augment.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_and_written() {
        for text in ["none", "flip", "crop:4", "crop:4:reflect", "flip,crop:2,cutout:8", "cutout:1"] {
            assert_eq!(text.parse::<Augment>().unwrap().to_string(), text);
        }
        let loose: Augment = "cutout:16, crop:4:zero,flip".parse().unwrap();
        assert_eq!(loose.to_string(), "flip,crop:4,cutout:16", "the order is always the same");
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let texts =
            ["", "flip:2", "flip,flip", "crop", "crop:0", "crop:-1", "crop:4:mirror", "crop:4,crop:2", "none,flip"];
        for text in
            texts.into_iter().chain(["cutout", "cutout:4:reflect", "cutout:99999", "rotate:3", "crop:4:zero:zero"])
        {
            let error = text.parse::<Augment>().unwrap_err().to_string();
            assert!(error.contains("crop:N:reflect"), "{text}: {error}");
        }
    }

    #[test]
    fn sizes_have_to_leave_something() {
        let check = |text: &str, height, width| {
            text.parse::<Augment>().unwrap().check(Shape { channels: 3, height, width }).map_err(|e| e.to_string())
        };
        assert!(check("flip,crop:7,cutout:7", 8, 12).is_ok() && check("none", 1, 1).is_ok());
        assert!(check("flip", 1, 1).unwrap_err().contains("no images"));
        assert!(check("flip,crop:8", 12, 8).unwrap_err().contains("crop:8"));
        assert!(check("cutout:9", 8, 12).unwrap_err().contains("at most 7"));
    }
}
