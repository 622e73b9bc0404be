//! What `lowland probe` measured, read from its JSON: surfaces, lines, eigenvalues, densities; of other kinds, their numbers.

use crate::text::messages;
use serde_json::{Map, Value};

/// A measurement that is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The file that it was read from.
    pub file: String,
    /// The checkpoints that it is about.
    pub about: String,
    /// What it is.
    pub kind: Kind,
}

/// Kinds of measurements.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Losses on a plane.
    Surface(Plane),
    /// Losses on a line, straight or not, or to both sides of a network.
    Line(Line),
    /// The largest eigenvalues of a matrix of curvature, with their residuals, and what is known besides.
    Eigenvalues(Vec<[f64; 2]>, Vec<(String, String)>),
    /// Densities of eigenvalues.
    Spectrum(Spectrum),
    /// Names and numbers.
    Numbers(Vec<(String, String)>),
}

/// A surface.
#[derive(Clone, Debug, PartialEq)]
pub struct Plane {
    /// What the plane is.
    pub name: String,
    /// Points along each side.
    pub grid: usize,
    /// Row by row from the front; not a number where the loss is none.
    pub losses: Vec<f32>,
    /// The first and last place along both axes.
    pub x: [f64; 2],
    /// The same of the other axis.
    pub y: [f64; 2],
    /// The networks in it.
    pub points: Vec<[f64; 2]>,
    /// Whether they are a path.
    pub is_path: bool,
}

/// A line.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Places.
    pub at: Vec<f64>,
    /// Training loss.
    pub train: Vec<f32>,
    /// Test loss.
    pub test: Vec<f32>,
}

/// Densities.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    /// Eigenvalues.
    pub grid: Vec<f64>,
    /// The Hessian's density.
    pub hessian: Vec<f64>,
    /// The Gauss-Newton matrix's.
    pub ggn: Vec<f64>,
    /// The largest eigenvalues of both.
    pub lambda_1: [f64; 2],
}

/// Values of a measurement at most: a file with more is no measurement of ours.
const MOST: usize = 1 << 20;
/// Measurements in a file at most.
const MOST_IN_FILE: usize = 64;

/// Whether `document` is what a probe prints or writes, or a list of that.
pub fn is_measurement(document: &Value) -> bool {
    let one = |value: &Value| ["file", "files", "a"].iter().any(|key| value.get(key).is_some());
    document.as_array().map_or_else(|| one(document), |all| all.first().is_some_and(one))
}

/// The measurements in a document.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn read(document: &Value, file: &str) -> Result<Vec<Measurement>, String> {
    let all = document.as_array().map_or_else(|| std::slice::from_ref(document), Vec::as_slice);
    if all.len() > MOST_IN_FILE {
        return Err(messages::too_many_in_file(file, all.len(), MOST_IN_FILE));
    }
    all.iter().map(|one| measurement(one, file)).collect()
}

fn measurement(value: &Value, file: &str) -> Result<Measurement, String> {
    let Value::Object(object) = value else {
        return Err(messages::no_measurement_in(file));
    };
    let kind = kind(object).map_err(|what| messages::damaged(file, what))?;
    let text = |key: &str| object.get(key).and_then(Value::as_str).map(short);
    let files = object.get("files").and_then(Value::as_array);
    let about = match (text("file"), files, text("a"), text("b")) {
        (Some(one), ..) => one,
        (_, Some(files), ..) => files.iter().filter_map(Value::as_str).map(short).collect::<Vec<_>>().join(", "),
        (_, _, Some(a), Some(b)) => messages::from_to(&a, &b),
        (_, _, Some(a), None) => a,
        _ => String::new(),
    };
    Ok(Measurement { file: file.to_owned(), about, kind })
}

fn kind(object: &Map<String, Value>) -> Result<Kind, &'static str> {
    if let Some(Value::Array(rows)) = object.get("loss") {
        return surface(object, rows).map(Kind::Surface).ok_or("surface");
    }
    if let Some(Value::Array(rows)) = object.get("rows") {
        return line(rows).map(Kind::Line).ok_or("line");
    }
    if object.contains_key("hessian") && object.contains_key("ggn") {
        return spectrum(object).map(Kind::Spectrum).ok_or("spectrum");
    }
    if let Some(values) = object.get("eigenvalues") {
        let (values, residuals) = (numbers(values), object.get("residuals").and_then(numbers));
        let (Some(values), Some(residuals)) = (values, residuals) else { return Err(messages::EIGENVALUES) };
        let pairs = values.into_iter().zip(residuals).map(|(value, residual)| [value, residual]).collect();
        return Ok(Kind::Eigenvalues(pairs, scalars(object)));
    }
    Ok(Kind::Numbers(scalars(object)))
}

fn surface(object: &Map<String, Value>, rows: &[Value]) -> Option<Plane> {
    let [x, y] = ["x", "y"].map(|key| object.get(key).and_then(numbers));
    let (x, y, grid) = (x?, y?, rows.len());
    if !(2..=1024).contains(&grid) || x.len() != grid || y.len() != grid {
        return None;
    }
    let mut losses = Vec::with_capacity(grid * grid);
    for row in rows {
        let row = numbers(row).filter(|row| row.len() == grid)?;
        losses.extend(row.into_iter().map(|loss| loss as f32));
    }
    let text = |key: &str| object.get(key).and_then(Value::as_str);
    let directions = text("directions").unwrap_or("plane");
    let name = match text("directions_norm") {
        Some(norm) => messages::normalised(directions, norm),
        None => directions.to_owned(),
    };
    let place = |point: &Value| Some([point.get("x")?.as_f64()?, point.get("y")?.as_f64()?]);
    let points = object.get("points").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    Some(Plane {
        name,
        grid,
        losses,
        x: [x[0], x[grid - 1]],
        y: [y[0], y[grid - 1]],
        points: points.iter().take(MOST).filter_map(place).collect(),
        is_path: directions == "pca",
    })
}

fn line(rows: &[Value]) -> Option<Line> {
    if rows.len() < 2 || rows.len() > MOST {
        return None;
    }
    let column = |key: &str| rows.iter().map(|row| number(row.get(key)?)).collect::<Option<Vec<f64>>>();
    let losses = |key: &str| column(key).map(|values| values.into_iter().map(|v| v as f32).collect::<Vec<f32>>());
    Some(Line { at: column("alpha")?, train: losses("train_loss")?, test: losses("test_loss")? })
}

fn spectrum(object: &Map<String, Value>) -> Option<Spectrum> {
    let grid = object.get("grid").and_then(numbers).filter(|grid| grid.len() > 1)?;
    let density = |key: &str| {
        let density = object.get(key)?.get("density").and_then(numbers);
        density.filter(|density| density.len() == grid.len())
    };
    let lambda = |key: &str| object.get(key).and_then(|of| of.get("lambda_1")).and_then(number);
    let lambda_1 = [lambda("hessian")?, lambda("ggn")?];
    Some(Spectrum { hessian: density("hessian")?, ggn: density("ggn")?, lambda_1, grid })
}

/// A number; null stands for one that is not finite.
fn number(value: &Value) -> Option<f64> {
    if value.is_null() { Some(f64::NAN) } else { value.as_f64() }
}

fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array().filter(|list| list.len() <= MOST)?.iter().map(number).collect()
}

/// What is one number or one word each, whatever it is called; what lies in an object is called by both names.
fn scalars(object: &Map<String, Value>) -> Vec<(String, String)> {
    let mut list = Vec::new();
    for (key, value) in object {
        match value {
            Value::Object(inner) => {
                list.extend(scalars(inner).into_iter().map(|(name, value)| (format!("{key} {name}"), value)));
            }
            Value::Number(number) => {
                let value = number.as_f64().unwrap_or(f64::NAN);
                let whole = number.as_u64().map(crate::text::count);
                list.push((key.replace('_', " "), whole.unwrap_or_else(|| crate::text::number(value))));
            }
            Value::String(text) if key != "file" && key != "a" && key != "b" => {
                list.push((key.replace('_', " "), text.clone()));
            }
            Value::Bool(flag) => list.push((key.replace('_', " "), messages::yes_or_no(*flag).to_owned())),
            _ => {}
        }
        if list.len() > 200 {
            break;
        }
    }
    list
}

/// The end of a path that tells it from others.
fn short(path: &str) -> String {
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    parts[parts.len().saturating_sub(2)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_probes_write_is_read_and_what_is_damaged_is_refused() {
        let surface = json!({"file": "runs/a/final-sam-0.safetensors", "directions": "random", "directions_norm": "filter",
            "grid": 2, "x": [-1.0, 1.0], "y": [-1.0, 1.0], "loss": [[1.0, 2.0], [null, 4.0]], "points": [{"x": 0.0, "y": 0.0, "loss": 1.0}]});
        assert!(is_measurement(&surface) && is_measurement(&json!([surface])));
        assert!(!is_measurement(&json!({"optimizer": "sam", "version": 1})));
        let read_one = |value: &Value| read(value, "x.json").map(|mut all| all.remove(0));
        let one = read_one(&surface).unwrap();
        assert_eq!(one.about, "a/final-sam-0.safetensors");
        let Kind::Surface(plane) = one.kind else { panic!("a surface") };
        assert_eq!((plane.name.as_str(), plane.points.len()), ("random, filter-normalised", 1));
        assert!(plane.losses[2].is_nan() && plane.losses[3] == 4.0);
        let row = |alpha: f64| json!({"alpha": alpha, "train_loss": 1.0, "test_loss": 2.0});
        let line = read_one(&json!({"a": "a", "b": "b", "rows": [row(0.0), row(1.0)]})).unwrap();
        assert!(matches!(&line.kind, Kind::Line(line) if line.at == [0.0, 1.0]) && line.about == "a to b");
        let hessian = read_one(&json!({"file": "a", "eigenvalues": [3.0, 1.0], "residuals": [0.1, 0.2], "trace": 9.5}));
        assert_eq!(
            hessian.unwrap().kind,
            Kind::Eigenvalues(vec![[3.0, 0.1], [1.0, 0.2]], vec![("trace".into(), "9.50".into())])
        );
        let of = json!({"density": [0.5, 0.5], "lambda_1": 2.0});
        let spectrum = read_one(&json!({"file": "a", "grid": [0.0, 1.0], "hessian": of, "ggn": of})).unwrap();
        assert!(matches!(spectrum.kind, Kind::Spectrum(_)));
        let numbers = read_one(&json!({"file": "a", "sam": {"sharpness": 0.25}})).unwrap();
        assert_eq!(numbers.kind, Kind::Numbers(vec![("sam sharpness".into(), "0.25".into())]));
        for damaged in [
            json!({"file": "a", "loss": [[1.0], [2.0, 3.0]], "x": [0, 1], "y": [0, 1]}),
            json!({"file": "a", "rows": [{"alpha": 0.0}]}),
            json!({"file": "a", "grid": [0.0, 1.0], "hessian": {"density": [1.0]}, "ggn": 3}),
            json!({"file": "a", "eigenvalues": "many"}),
        ] {
            assert!(read_one(&damaged).unwrap_err().contains("damaged"), "{damaged}");
        }
    }
}
