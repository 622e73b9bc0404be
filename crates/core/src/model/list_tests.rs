use super::*;
use crate::config::Norm;
use serde_json::json;

const IMAGES: Shape = Shape { channels: 3, height: 8, width: 8 };

fn style() -> Style {
    Style { activation: Activation::Relu, norm: None, dropout: 0.0 }
}

fn list(layers: &Value) -> Result<Model> {
    Model::parse(&json!({ "layers": layers }).to_string(), IMAGES, 10, style())
}

fn refused(layers: Value, words: &[&str]) {
    let error = list(&layers).unwrap_err();
    let text = error.to_string();
    assert!(error.is_input(), "{text}");
    for word in words {
        assert!(text.contains(word), "no '{word}' in: {text}");
    }
}

fn names(model: &Model) -> Vec<(&str, Vec<usize>)> {
    model.parameters().iter().map(|tensor| (tensor.name.as_str(), tensor.kind.shape())).collect()
}

#[test]
fn tensors_are_called_as_in_a_sequential_of_pytorch() {
    let model = list(&json!([
        {"type": "conv", "outputs": 6, "kernel": 5, "stride": 2, "padding": 2},
        {"type": "group_norm", "groups": 3},
        {"type": "activation"},
        {"type": "dropout", "p": 0.1},
        {"type": "conv", "outputs": 4, "kernel": [3, 1], "bias": false, "name": "narrow.conv"},
        {"type": "activation", "function": "gelu"},
        {"type": "flatten"},
        {"type": "dense", "outputs": "classes"},
    ]))
    .unwrap();
    let expected = [
        ("layers.0.weight", vec![6, 3, 5, 5]),
        ("layers.0.bias", vec![6]),
        ("layers.1.weight", vec![6]),
        ("layers.1.bias", vec![6]),
        ("narrow.conv.weight", vec![4, 6, 3, 1]),
        ("layers.7.weight", vec![10, 32]),
        ("layers.7.bias", vec![10]),
    ];
    assert_eq!(names(&model), expected);
    let gains: Vec<_> = model.parameters().iter().map(|tensor| tensor.init).collect();
    let normal = |gain: f32, fan: f32| super::super::Init::Normal(gain / fan.sqrt());
    let sqrt2 = std::f32::consts::SQRT_2;
    assert_eq!([gains[0], gains[4], gains[5]], [normal(sqrt2, 75.0), normal(sqrt2, 18.0), normal(1.0, 32.0)]);
    // Activations are part of the layer before them.
    assert_eq!(model.layers.iter().filter(|place| place.layer.activation().is_some()).count(), 2);
    assert_eq!(model.layers.len(), 6);
    // What it says of itself makes it again.
    let again = Model::parse(model.description(), IMAGES, 10, style()).unwrap();
    assert_eq!((names(&again), again.description()), (names(&model), model.description()));
}

#[test]
fn the_documented_list_is_one() {
    let text = include_str!("../../../MODELS.md");
    let json = text.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let model = Model::parse(json, IMAGES, 10, style()).unwrap();
    assert_eq!((model.name(), model.parameters().len()), ("small-residual", 9));
}

#[test]
fn an_addition_finds_its_layer_by_name_and_by_place() {
    let block = |from: Value| {
        json!([
            {"type": "conv", "outputs": 4, "kernel": 3, "padding": 1},
            {"type": "activation", "name": "start"},
            {"type": "conv", "outputs": 4, "kernel": 3, "padding": 1},
            {"type": "batch_norm"},
            {"type": "add", "from": from},
            {"type": "activation"},
            {"type": "global_avg_pool"},
            {"type": "flatten"},
            {"type": "dense", "outputs": "classes"},
        ])
    };
    for (from, branch, layers) in
        [(json!("start"), 0, 6), (json!(-3), 0, 6), (json!("layers.2"), 1, 6), (json!(-4), 0, 7), (json!(-1), 2, 6)]
    {
        let model = list(&block(from.clone())).unwrap();
        let add = model.layers.iter().position(|place| place.branch.is_some()).unwrap();
        // What comes before the first activation is a value of its own where it is added itself.
        assert_eq!((model.layers[add].branch, model.layers.len()), (Some(branch), layers), "{from}");
    }
    refused(block(json!("end")), &["layer 4", "add", "\"end\"", "start, layers.2"]);
    refused(block(json!("layers.5")), &["layer 4", "layers.5"]);
    refused(block(json!(-5)), &["layer 4", "-5", "such as -3"]);
    refused(block(json!(1)), &["layer 4", "from is 1"]);
    refused(json!([{"type": "flatten"}, {"type": "add", "from": -1}]), &["layers.1", "input itself"]);
    refused(
        json!([{"type": "conv", "outputs": 4, "kernel": 3}, {"type": "max_pool", "kernel": 2}, {"type": "add", "from": -2}]),
        &["layers.2", "layers.0", "4x6x6", "4x3x3"],
    );
}

#[test]
fn what_does_not_fit_names_layer_and_sizes() {
    let conv = json!({"type": "conv", "outputs": 4, "kernel": 9});
    refused(json!([conv]), &["layers.0", "9x9", "3x8x8"]);
    refused(
        json!([{"type": "max_pool", "kernel": 2}, {"type": "avg_pool", "kernel": 5}]),
        &["layers.1", "5x5", "3x4x4"],
    );
    refused(json!([{"type": "group_norm", "groups": 2}]), &["layers.0", "3 channels", "2 groups"]);
    refused(json!([{"type": "global_avg_pool"}, {"type": "group_norm", "groups": 3}]), &["layers.1", "one value"]);
    refused(json!([{"type": "dense", "outputs": 3}]), &["layers.0", "3x8x8", "flatten"]);
}

#[test]
fn unknown_types_and_keys_are_refused_with_what_there_is() {
    refused(json!([{"type": "convolution"}]), &["layer 0", "convolution", "conv, dense, batch_norm", "flatten"]);
    refused(json!([{"outputs": 3}]), &["layer 0", "no 'type'", "avg_pool"]);
    refused(json!([3]), &["layer 0", "3"]);
    refused(
        json!([{"type": "conv", "filters": 3}]),
        &["layer 0", "filters", "outputs, kernel, stride, padding, bias, name"],
    );
    refused(json!([{"type": "flatten", "p": 3}]), &["layer 0", "'p'", "only a name"]);
    refused(json!([{"type": "activation", "function": "sine"}]), &["function", "sine", "leaky-relu"]);
    let text = |text: &str| Model::parse(text, IMAGES, 10, style()).unwrap_err().to_string();
    assert!(text("{\"layer\": []}").contains("name and layers"));
    assert!(text("{\"layers\": 3}").contains("array 'layers'"));
    assert!(text("{\"layers\": []}").contains("0 layers"));
    assert!(text("{\"layers\": [").contains("whole JSON"));
    assert!(text("{\"name\": 3, \"layers\": []}").contains("name is 3"));
}

#[test]
fn absurd_sizes_are_refused() {
    refused(json!([{"type": "conv", "outputs": 0, "kernel": 3}]), &["outputs is 0", "from 1 to 65536"]);
    refused(json!([{"type": "conv", "outputs": 1e9, "kernel": 3}]), &["outputs is 1000000000"]);
    refused(json!([{"type": "conv", "outputs": 4, "kernel": -3}]), &["kernel is -3"]);
    refused(json!([{"type": "conv", "outputs": 4, "kernel": [3, 3, 3]}]), &["kernel is [3,3,3]"]);
    refused(json!([{"type": "conv", "outputs": 4, "kernel": 3, "stride": 0}]), &["stride is 0"]);
    refused(json!([{"type": "conv", "outputs": 4, "kernel": 3, "padding": 3}]), &["padding is 3", "from 0 to 2"]);
    refused(json!([{"type": "conv", "outputs": 4.5, "kernel": 3}]), &["outputs is 4.5"]);
    refused(json!([{"type": "conv", "outputs": "many", "kernel": 3}]), &["many", "classes"]);
    refused(json!([{"type": "conv", "outputs": 4, "kernel": 3, "bias": 1}]), &["bias is 1"]);
    refused(json!([{"type": "dense"}]), &["no 'outputs'"]);
    for p in [json!(1), json!(-0.1), json!("0.5"), json!(null), json!(0.999_999_999)] {
        refused(json!([{"type": "dropout", "p": p}]), &["layer 0", "dropout", "p is"]);
    }
    refused(json!([{"type": "max_pool", "kernel": u64::MAX}]), &["kernel is 18446744073709551615"]);
    let wide = json!({"type": "dense", "outputs": 65_536});
    refused(json!([{"type": "flatten"}, wide, wide]), &["layers.2", "65536 features", "4294967296", "at most"]);
    // Each layer makes the image larger, until one is too large.
    let growing = json!({"type": "conv", "outputs": 64, "kernel": 255, "padding": 254});
    refused(json!(vec![growing; 100]), &["weights or outputs", "at most"]);
    refused(json!(vec![json!({"type": "activation"}); 1001]), &["1001 layers", "1000"]);
}

#[test]
fn names_are_names() {
    for name in [json!(""), json!("a/b"), json!("1a"), json!(3), json!("optimizer.0"), json!("a".repeat(65))] {
        refused(json!([{"type": "flatten", "name": name}]), &["layer 0", "name is"]);
    }
    let twice = json!([{"type": "flatten", "name": "layers.1"}, {"type": "dense", "outputs": 2}]);
    refused(twice, &["layers 0 and 1", "layers.1"]);
}

#[test]
fn flags_of_short_names_do_not_go_with_a_list() {
    let text = json!({"layers": [{"type": "flatten"}]}).to_string();
    for style in [Style { norm: Some(Norm::None), ..style() }, Style { dropout: 0.1, ..style() }] {
        assert!(Model::parse(&text, IMAGES, 10, style).unwrap_err().to_string().contains("layers of their own"));
    }
}
