//! Tangents of layers, of activations and of the loss, and sums of products, against their twins. Norms: norm_tangent.rs.

use lowland::config::Activation;
use lowland::data::Shape;
use lowland::model::{AvgPool, Conv2d, Dense, Flatten, GlobalAvgPool, Layer, MaxPool, Mode};
use lowland::rng::{Rng, Stream};
use lowland_reference::{Tensor, conv, loss, pool, probe};
use lowland_shaders::params::{Add, AddProducts, Loss};
use lowland_shaders::{ACTIVATE_TANGENT, ACTIVATION_GRAD_TANGENT, ADD_PRODUCTS, SOFTMAX_CROSS_ENTROPY_TANGENT};
use lowland_tests::bench::Bench;
use lowland_tests::compare::{Tolerance, Want, check, within};
use lowland_tests::layer::{LayerCase, Slots, draw, uniform};
use lowland_tests::layout::{image, padded, want_image};
use lowland_tests::tangent::Moves;
use lowland_tests::{ACTIVATIONS, FAMILIES, activation_code, any_gpu, coverage::covers, gpu};

/// Two sums of up to 300 products of numbers below 1.
const TANGENT: Tolerance = within(2e-5, 1e-5);
/// Two sums of up to 5,000 such products.
const TANGENT_GRADS: Tolerance = within(1e-4, 1e-5);
/// Some products of numbers near 1; gelu's normal distribution is right to 1e-6.
const PRODUCTS: Tolerance = within(5e-6, 5e-6);
/// Probabilities times differences.
const LOSS: Tolerance = within(3e-6, 2e-5);
/// Three roundings of sums of values near 1.
const SUM: Tolerance = within(5e-7, 1e-6);

/// Rows that use slots 1 and 0 of data, 0 and 2 of work.
const ROWS: [[u32; 4]; 2] = [[0, 1, 0, 2], [1, 0, 2, 1]];
const SLOTS: usize = 3;

fn sum(a: &Tensor, b: &Tensor) -> Tensor {
    a.zip(b, |a, b| a + b)
}

fn shape(channels: usize, height: usize, width: usize) -> Shape {
    Shape { channels, height, width }
}

/// A layer in inference mode, moved as `moves` says.
fn on<'a>(name: String, layer: &'a dyn Layer, input: Shape, batch: usize, moves: Moves) -> LayerCase<'a> {
    let mut on = LayerCase::new(format!("{name}, {moves:?} moves"), layer, input, batch);
    on.mode = Mode::Gradient;
    on.moves = Some(moves);
    on.slots = Slots::scattered();
    on.by_data = moves == Moves::Weights;
    on
}

#[test]
fn tangents_of_conv_and_dense_equal_their_twins() {
    // (channels, image, kernel, stride, padding, batch)
    let cases = [
        ((3, 5), (1, 1), 1, 1, 0, 65),
        ((3, 4), (5, 7), 3, 1, 1, 3),
        ((8, 17), (8, 8), 3, 2, 1, 3),
        ((12, 36), (6, 4), 3, 1, 1, 8),
    ];
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        for (moves, (channels, (height, width), kernel, stride, padding, batch)) in
            [Moves::Input, Moves::Weights].into_iter().flat_map(|moves| cases.map(|case| (moves, case)))
        {
            let (outputs, bias) = (channels.1, kernel == 1 || stride == 2);
            let conv = Conv2d { outputs, kernel: (kernel, kernel), stride, padding, bias, activation: None, gain: 1.0 };
            let dense = Dense { outputs, activation: None, gain: 1.0 };
            let layer: &dyn Layer = if kernel == 1 { &dense } else { &conv };
            let name = format!("{family:?} {channels:?} kernel {kernel}/{stride}");
            let run = on(name, layer, shape(channels.0, height, width), batch, moves).run(gpu);
            let twin = conv::Conv { stride, padding };
            let four = |w: &Tensor| w.reshaped(&[outputs, channels.0, kernel, kernel]);
            run.check_tangent(TANGENT, |row, v| {
                let along = twin.forward(row.x, &four(&v.weights[0]), v.weights.get(1));
                sum(&along, &twin.forward(v.x, &four(&row.weights[0]), None))
            });
            run.check_tangent_grads(TANGENT_GRADS, |row, v| {
                let shape = [outputs, channels.0, kernel, kernel];
                let dw = sum(&twin.grad_weight(row.x, v.dy, &shape), &twin.grad_weight(v.x, row.dy, &shape));
                let dw = dw.reshaped(&row.weights[0].shape);
                if bias { vec![dw, conv::grad_bias(v.dy)] } else { vec![dw] }
            });
            if moves == Moves::Input {
                run.check_tangent_grad_input(TANGENT, |row, v| {
                    let grad = |dy: &Tensor, w: &Tensor| twin.grad_input(dy, &four(w), &row.x.shape);
                    sum(&grad(v.dy, &row.weights[0]), &grad(row.dy, &v.weights[0]))
                });
            }
        }
    }
}

#[test]
fn tangents_of_max_pool_are_those_of_its_first_maxima() {
    let Some(gpu) = any_gpu() else { return };
    for (channels, height, width, kernel, stride, batch) in
        [(3, 7, 9, 2, 2, 3), (5, 6, 5, 3, 1, 2), (8, 9, 18, 2, 3, 2)]
    {
        let layer = MaxPool { kernel, stride };
        let name = format!("max pool {kernel}/{stride} of {channels}x{height}x{width}");
        let mut on = on(name, &layer, shape(channels, height, width), batch, Moves::Input);
        // Few values, so that maxima are met again.
        on.values = |rng| rng.below(4) as f32;
        let run = on.run(gpu);
        let twin = pool::MaxPool { kernel, stride };
        run.check_tangent(TANGENT, |row, v| {
            let (y, winners) = twin.forward(row.x);
            Tensor::new(&y.shape, winners.iter().map(|winner| v.x.data[*winner]).collect())
        });
        run.check_tangent_grad_input(TANGENT, |row, v| {
            pool::max_grad_input(v.dy, &twin.forward(row.x).1, &row.x.shape)
        });
    }
    covers("tangent of max pool");
}

/// They say nothing of tangents: what every layer has is theirs.
#[test]
fn linear_layers_are_their_own_tangents() {
    let Some(gpu) = any_gpu() else { return };
    let input = shape(5, 6, 7);
    let average = AvgPool { kernel: 3, stride: 2 };
    let twin = pool::AvgPool { kernel: 3, stride: 2 };
    let run = on("average pool".into(), &average, input, 3, Moves::Input).run(gpu);
    run.check_tangent(TANGENT, |_, v| twin.forward(v.x));
    run.check_tangent_grad_input(TANGENT, |row, v| twin.grad_input(v.dy, &row.x.shape));
    let run = on("global average pool".into(), &GlobalAvgPool, input, 3, Moves::Input).run(gpu);
    run.check_tangent(TANGENT, |_, v| pool::global_average(v.x).reshaped(&[3, 5, 1, 1]));
    run.check_tangent_grad_input(TANGENT, |row, v| {
        pool::global_average_grad_input(&v.dy.reshaped(&[3, 5]), &row.x.shape)
    });
    let run = on("flatten".into(), &Flatten, input, 3, Moves::Input).run(gpu);
    run.check_tangent(TANGENT, |_, v| v.x.reshaped(&[3, 210, 1, 1]));
    run.check_tangent_grad_input(TANGENT, |row, v| v.dy.reshaped(&row.x.shape));
}

/// `SLOTS` times `n` values.
fn values(rng: &mut Rng, n: usize) -> Vec<f32> {
    (0..SLOTS * n).map(|_| 2.0 * uniform(rng)).collect()
}

/// `want` of each place in the slots of work of the rows; all others are what `before` says.
fn by_work(n: usize, before: Option<&[f32]>, want: impl Fn(usize) -> f64) -> Vec<Want> {
    let place = |i: usize| match before {
        _ if ROWS.iter().any(|row| row[2] as usize == i / n) => Want::Near(want(i)),
        Some(before) => Want::Exactly(before[i]),
        None => Want::Untouched,
    };
    (0..SLOTS * n).map(place).collect()
}

#[test]
fn tangents_of_activations_equal_their_twins() {
    let Some(gpu) = any_gpu() else { return };
    let n = 300;
    let all = ACTIVATIONS.into_iter().map(|(own, twin)| (Some(own), Some(twin))).chain([(None, None)]);
    for ((activation, twin), two) in all.flat_map(|pair| [(pair, false), (pair, true)]) {
        let rng = &mut Rng::new(3, Stream::Data, 1);
        let z: Vec<f32> = values(rng, n).into_iter().map(|z| 2.0 * z).collect();
        let [t, d, second, after] = std::array::from_fn(|_| values(rng, n));
        let by_input = matches!(activation, Some(Activation::Gelu | Activation::Silu));
        let saved = |z: &f32| twin.filter(|_| !by_input).map_or(*z, |twin| twin.value(f64::from(*z)) as f32);
        let saved: Vec<f32> = z.iter().map(saved).collect();

        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let [s, b, a] = [&saved, &second, &after].map(|values| bench.input("read", values));
        let [tangent, grad] = [&t, &d].map(|values| bench.changed("changed", values));
        let before = bench.output("before", SLOTS * n);
        let bends = matches!(activation, Some(Activation::Gelu | Activation::Silu | Activation::Tanh));
        let flag = |on: bool| f64::from(u8::from(on));
        let p = Add { size4: (n / 4) as u32, in_by_data: 0 };
        let (code, second_flag) = (("ACTIVATION", activation_code(activation)), ("SECOND", flag(two)));
        let groups = (n / 4).div_ceil(64);
        let flags = [code, second_flag, ("KEEP", flag(bends))];
        bench.launch(&ACTIVATE_TANGENT, &flags, &p, rows, &[s, b, tangent, before], groups);
        let flags = [code, second_flag, ("BENT", flag(bends))];
        let kept = if bends { before } else { b };
        bench.launch(&ACTIVATION_GRAD_TANGENT, &flags, &p, rows, &[s, b, kept, a, grad], groups);
        let ran = bench.run(gpu, 1);

        let [z, t64, d64, second, after] =
            [&z, &t, &d, &second, &after].map(|v| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
        let other = |i: usize| if two { second[i] } else { 0.0 };
        let moved = |i: usize| t64[i] + other(i);
        let slope = |i: usize| twin.map_or(1.0, |twin| twin.derivative(z[i]));
        let bend = |i: usize| twin.map_or(0.0, |twin| twin.second_derivative(z[i]));
        let of = |what: &str| format!("{what} of {activation:?}, two terms: {two}");
        let want = by_work(n, Some(&t), |i| slope(i) * moved(i));
        check(&of("tangent"), ran.bits(tangent), &want, PRODUCTS);
        let want = by_work(n, Some(&d), |i| slope(i) * (d64[i] + other(i)) + bend(i) * moved(i) * after[i]);
        check(&of("tangent of the gradient"), ran.bits(grad), &want, PRODUCTS);
        let want = if bends { by_work(n, None, moved) } else { vec![Want::Untouched; SLOTS * n] };
        check(&of("tangent before"), ran.bits(before), &want, PRODUCTS);
    }
    covers("tangents of activations");
}

#[test]
fn the_tangent_of_the_loss_equals_its_twin() {
    let Some(gpu) = any_gpu() else { return };
    for (classes, batch, wide) in [(2, 1, 1.0), (3, 65, 3.0), (10, 129, 30.0), (17, 64, 1.0)] {
        let rng = &mut Rng::new(classes as u32, Stream::Data, batch as u32);
        let [z, t]: [Vec<Tensor>; 2] = [wide, 1.0]
            .map(|wide| (0..SLOTS).map(|_| draw(rng, &[batch, classes], |rng| wide * uniform(rng))).collect());
        let counts = |i: usize| i % 4 != 3;
        let labels: Vec<u32> = (0..SLOTS * batch).map(|i| if counts(i % batch) { 1 } else { 1 | 1 << 31 }).collect();
        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let [z_id, t_id] =
            [&z, &t].map(|list| bench.input("logits", &list.iter().flat_map(image).collect::<Vec<f32>>()));
        let labels = bench.input("labels", &labels);
        let stride = batch * padded(classes);
        let grad = bench.output("grad", SLOTS * stride);
        let (classes4, stride32) = (padded(classes) as u32 / 4, stride as u32);
        let p = Loss { batch: batch as u32, classes: classes as u32, classes4, stride: stride32, outcome_offset: 0 };
        let buffers = [z_id, labels, t_id, grad];
        bench.launch(&SOFTMAX_CROSS_ENTROPY_TANGENT, &[], &p, rows, &buffers, batch.div_ceil(64));
        let ran = bench.run(gpu, 1);
        let mut wanted = vec![Want::Untouched; SLOTS * stride];
        for work in ROWS.map(|row| row[2] as usize) {
            let mut tangent = loss::grad_logits_tangent(&z[work], &t[work]);
            for (i, row) in tangent.data.chunks_mut(classes).enumerate() {
                row.iter_mut().for_each(|value| *value *= f64::from(u8::from(counts(i))));
            }
            wanted[work * stride..][..stride].copy_from_slice(&want_image(&tangent));
        }
        check(&format!("tangent of {classes} logits, batch {batch}"), ran.bits(grad), &wanted, LOSS);
    }
    covers("tangent of the loss");
}

#[test]
fn sums_of_products_equal_their_twin() {
    let Some(gpu) = any_gpu() else { return };
    for (n, first, two) in [(8, true, false), (2048, false, true), (2052, true, true), (5000, false, false)] {
        let rng = &mut Rng::new(9, Stream::Data, n as u32);
        let [a, b, before] = std::array::from_fn(|_| values(rng, n));
        let mut bench = Bench::default();
        let rows = bench.table(&ROWS);
        let [a_id, b_id] = [&a, &b].map(|values| bench.input("term", values));
        let sum = bench.changed("sum", &before);
        let p = AddProducts { size4: (n / 4) as u32, stride: (n / 4) as u32, scale: 0.375 };
        let flags = [("FIRST", f64::from(u8::from(first))), ("SECOND", f64::from(u8::from(two)))];
        bench.launch(&ADD_PRODUCTS, &flags, &p, rows, &[a_id, b_id, sum], (n / 4).div_ceil(512));
        let ran = bench.run(gpu, 1);
        let factors = [f64::from(u8::from(!first)), 0.375, if two { 0.375 } else { 0.0 }];
        let [before64, a, b] = [&before, &a, &b].map(|v| v.iter().map(|x| f64::from(*x)).collect::<Vec<_>>());
        let sums = probe::combine(&factors, &[&before64, &a, &b]);
        check(&format!("sum of {n}"), ran.bits(sum), &by_work(n, Some(&before), |i| sums[i]), SUM);
    }
    covers("sums of products");
}
