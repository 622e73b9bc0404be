//! How a lane is called in sentences, and its colour, dash and marker: always the three together.

use crate::read::Lane;

/// Dashes that `style.css` defines (`.d0` ...). It has eight colours (`--lane-0` ...): Okabe and Ito's, safe for the
/// colour-blind.
const DASHES: usize = 5;

/// The mark on a line and in the legend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marker {
    Circle,
    Triangle,
    Square,
    Diamond,
    Cross,
}

/// The look of one lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    pub colour: usize,
    pub dash: usize,
    pub marker: Marker,
}

/// The looks that known lanes always have: SAM blue and solid, SGD orange and dashed, SGD-2x a muted orange and dotted.
const SAM: Style = Style { colour: 0, dash: 0, marker: Marker::Triangle };
const SGD: Style = Style { colour: 1, dash: 1, marker: Marker::Circle };
const SGD_TWICE: Style = Style { colour: 2, dash: 2, marker: Marker::Square };
const OTHERS: [Style; 5] = [
    Style { colour: 3, dash: 3, marker: Marker::Diamond },
    Style { colour: 4, dash: 4, marker: Marker::Cross },
    Style { colour: 5, dash: 1, marker: Marker::Square },
    Style { colour: 6, dash: 0, marker: Marker::Circle },
    Style { colour: 7, dash: 3, marker: Marker::Triangle },
];

/// The look of every lane, in their order.
pub fn styles(lanes: &[Lane]) -> Vec<Style> {
    let mut taken: Vec<Style> = Vec::new();
    let mut found = vec![None; lanes.len()];
    // Exact labels first, then optimizers, so that a second SAM lane does not take SAM's colour from it.
    for by_label in [true, false] {
        for (lane, style) in lanes.iter().zip(&mut found) {
            let name = if by_label { lane.label.as_str() } else { lane.optimizer() };
            let wished = match name {
                "sam" => SAM,
                "sgd" => SGD,
                name if name.ends_with("-2x") => SGD_TWICE,
                _ => continue,
            };
            if style.is_none() && !taken.contains(&wished) {
                taken.push(wished);
                *style = Some(wished);
            }
        }
    }
    let mut spare = 0;
    found
        .into_iter()
        .map(|style| {
            style.unwrap_or_else(|| {
                let (round, place) = (spare / OTHERS.len(), spare % OTHERS.len());
                spare += 1;
                let style = OTHERS[place];
                Style { dash: (style.dash + round) % DASHES, ..style }
            })
        })
        .collect()
}

/// How a lane is called in sentences and pictures: `sam` is SAM, `sgd-2x` is SGD-2x; other labels stay as they are.
pub fn display_name(label: &str) -> String {
    let (stem, tail) = match label.strip_suffix("-2x") {
        Some(stem) => (stem, "-2x"),
        None => (label, ""),
    };
    let known = match stem {
        "sgd" | "sam" | "asam" | "gsam" | "swa" => stem.to_uppercase(),
        "adam" => "Adam".to_owned(),
        "adamw" => "AdamW".to_owned(),
        "rmsprop" => "RMSprop".to_owned(),
        other => other.to_owned(),
    };
    known + tail
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(labels: &[&str]) -> Vec<Lane> {
        labels.iter().map(|label| Lane { label: (*label).to_owned(), ..Lane::default() }).collect()
    }

    #[test]
    fn known_lanes_keep_their_look_in_any_order() {
        assert_eq!(styles(&lanes(&["sam", "sgd-2x", "sgd"])), [SAM, SGD_TWICE, SGD]);
        assert_eq!(styles(&lanes(&["asam", "sgd"])), [OTHERS[0], SGD]);
    }

    #[test]
    fn eight_lanes_all_look_different_and_many_stay_in_range() {
        let names: Vec<String> = (0..40).map(|index| format!("lane {index}")).collect();
        let mut labels: Vec<&str> = vec!["sam", "sgd", "sgd-2x"];
        labels.extend(names.iter().map(String::as_str));
        let styles = styles(&lanes(&labels));
        for (index, style) in styles.iter().take(8).enumerate() {
            assert!(!styles[..index].contains(style));
        }
        assert!(styles.iter().all(|style| style.colour < 8 && style.dash < DASHES));
    }

    #[test]
    fn names_in_sentences() {
        assert_eq!(display_name("sgd-2x"), "SGD-2x");
        assert_eq!(display_name("adamw"), "AdamW");
        assert_eq!(display_name("sam, rho 0.2"), "sam, rho 0.2");
    }
}
