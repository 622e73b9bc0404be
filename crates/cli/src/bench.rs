//! `lowland bench`.

use crate::args::{BenchArgs, BenchCurvature, BenchKind, BenchStep, BenchSurface};
use crate::print::{out, say};
use anyhow::Result;
use lowland::Error;
use lowland::bench::{
    CurvatureBench, CurvatureTime, KernelTime, Peaks, StepBench, StepTime, Steps, SurfaceBench, time_kernels,
};
use lowland::config::Config;
use lowland::data::Shape;
use lowland::gpu::Gpu;
use lowland::model::Model;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

pub fn bench(args: BenchArgs, process_start: Instant) -> Result<ExitCode> {
    match args.kind {
        BenchKind::Step(args) => step(&args, process_start),
        BenchKind::Surface(args) => surface(&args),
        BenchKind::Curvature(args) => curvature(&args),
        BenchKind::Kernels(args) => {
            let gpu = args.common.gpu()?;
            let peaks = pollster::block_on(Peaks::measure(&gpu))?;
            let mut rows = Vec::new();
            for (model, input, batch) in SHIPPED {
                if !args.common.quiet {
                    say(&format!("{model}, batch {batch} of {input}"));
                }
                let (model, bench) = (parse(model, input, 10)?, StepBench { batch, ..default_step(true) });
                rows.extend(pollster::block_on(time_kernels(&gpu, &model, &bench, &peaks))?);
            }
            out(&if args.common.json { kernels_json(&peaks, &rows) } else { kernels_text(&gpu, &peaks, &rows) })?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The networks whose kernels are timed: the program's defaults, the usual MNIST network, and a matrix product of 512^3.
const SHIPPED: [(&str, &str, usize); 4] = [
    ("cnn:16,32", "3x32x32", 64),
    ("mlp:256,128", "1x28x28", 128),
    ("mlp:32,32,32", "2x1x1", 20),
    ("mlp:512", "512x1x1", 512),
];

fn default_step(sam: bool) -> StepBench {
    StepBench { sam, batch: 64, lanes: 1, warmup: 5, steps: 20 }
}

fn parse(model: &str, input: &str, classes: usize) -> lowland::Result<Model> {
    let numbers: Option<Vec<usize>> =
        input.split('x').map(|n| n.parse().ok().filter(|n| (1..=65_536).contains(n))).collect();
    let Some([channels, height, width]) = numbers.as_deref() else {
        return Err(Error::input(format!("--input is '{input}'; write channels, height and width, as in 3x32x32.")));
    };
    if channels * height * width > 1 << 26 {
        return Err(Error::input(format!("--input {input} has more than 2^26 values; take a smaller one.")));
    }
    if !(2..=65_536).contains(&classes) {
        return Err(Error::input(format!("--classes is {classes}; it must be from 2 to 65536.")));
    }
    let shape = Shape { channels: *channels, height: *height, width: *width };
    Config { model: Some(model.into()), ..Config::default() }.model(shape, classes)
}

fn step(args: &BenchStep, process_start: Instant) -> Result<ExitCode> {
    let model = parse(&args.model, &args.input, args.classes)?;
    let names: Vec<&str> = args.optimizer.split(',').map(str::trim).collect();
    if let Some(name) = names.iter().find(|name| !["sgd", "sam"].contains(name)) {
        return Err(Error::input(format!("--optimizer has '{name}'; steps of sgd and sam are timed.")).into());
    }
    let counts = [("batch", args.batch as u64), ("steps", args.steps), ("lanes", args.lanes as u64)];
    if let Some((name, n)) = counts.iter().find(|(_, n)| !(1..=65_536).contains(n)) {
        return Err(Error::input(format!("--{name} is {n}; it must be from 1 to 65536.")).into());
    }
    let gpu = args.common.gpu()?;
    // What the peaks take is no part of the first step.
    let (before, peaks) = (Instant::now(), pollster::block_on(Peaks::measure(&gpu))?);
    let mut start = process_start + before.elapsed();
    let mut rows = Vec::new();
    for name in names {
        let bench = StepBench {
            sam: name == "sam",
            batch: args.batch,
            lanes: args.lanes,
            warmup: args.warmup,
            steps: args.steps,
        };
        let on = Steps { gpu: &gpu, model: &model, peaks: &peaks, start, cpu: cpu_time };
        rows.push((name, pollster::block_on(bench.run(on))?));
        start = Instant::now();
    }
    out(&if args.common.json { steps_json(args, &gpu, &rows) } else { steps_text(args, &gpu, &peaks, &rows) })?;
    Ok(ExitCode::SUCCESS)
}

fn curvature(args: &BenchCurvature) -> Result<ExitCode> {
    let BenchCurvature { model: name, input, classes, batch, lanes, rounds, common } = args;
    let model = parse(name, input, *classes)?;
    let bench = CurvatureBench { batch: *batch, lanes: *lanes, rounds: *rounds };
    bench.check()?;
    let gpu = common.gpu()?;
    let t = pollster::block_on(bench.run(&gpu, &model))?;
    if common.json {
        let CurvatureTime { gpu_bytes, .. } = t;
        let row = json!({
            "model": name, "input": input, "batch": batch, "lanes": lanes,
            "gradient_ms": short(t.gradient_ms), "hessian_ms": short(t.hessian_ms),
            "hessian_kept_ms": short(t.hessian_kept_ms), "gauss_newton_kept_ms": short(t.gauss_newton_kept_ms),
            "hessian_ratio": short(t.hessian_ratio), "hessian_kept_ratio": short(t.hessian_kept_ratio),
            "gauss_newton_kept_ratio": short(t.gauss_newton_kept_ratio),
            "gpu_bytes": gpu_bytes, "adapter": gpu.info().name,
        });
        out(&format!("{row:#}"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = format!("{}\n\n{name}, {batch} examples of {input}; lanes: {lanes}\n", gpu.info().name);
    let _ = writeln!(text, "{:46} {:>9} {:>10}", "", "ms", "gradients");
    for (what, ms, ratio) in [
        ("gradient", t.gradient_ms, 1.0),
        ("H v", t.hessian_ms, t.hessian_ratio),
        ("H v, values and gradients kept", t.hessian_kept_ms, t.hessian_kept_ratio),
        ("Gauss-Newton product, the same kept", t.gauss_newton_kept_ms, t.gauss_newton_kept_ratio),
    ] {
        let _ = writeln!(text, "{what:46} {ms:9.2} {ratio:10.2}");
    }
    out(text.trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn surface(args: &BenchSurface) -> Result<ExitCode> {
    let model = parse(&args.model, &args.input, args.classes)?;
    if !(1..=100).contains(&args.repeat) {
        return Err(Error::input(format!("--repeat is {}; it must be from 1 to 100.", args.repeat)).into());
    }
    let gpu = args.common.gpu()?;
    let bench = SurfaceBench { examples: args.examples, grid: args.grid, repeat: args.repeat };
    let time = pollster::block_on(bench.run(&gpu, &model, cpu_time))?;
    let cpu = |way: usize| time.cpu.map(|cpu| short(1e3 * cpu[way]));
    let [ratio, plain_ratio] = [time.evaluations, time.plain].map(|seconds| seconds / time.surface);
    let text = if args.common.json {
        let document = json!({
            "model": args.model, "input": args.input, "examples": args.examples, "grid": args.grid, "points": time.points,
            "surface_ms": short(1e3 * time.surface), "plain_ms": short(1e3 * time.plain),
            "evaluations_ms": short(1e3 * time.evaluations), "surface_cpu_ms": cpu(0), "plain_cpu_ms": cpu(1),
            "evaluations_cpu_ms": cpu(2), "ratio": short(ratio), "plain_ratio": short(plain_ratio),
            "difference": short(time.difference), "linear": time.linear, "adapter": gpu.info().name,
        });
        format!("{document:#}")
    } else {
        let BenchSurface { model, examples, grid, .. } = args;
        let how = if time.linear { "by the linearity of its first layer" } else { "whole evaluations side by side" };
        format!(
            "{}: {model}, {grid} x {grid} points, {examples} examples\n\
             surface          {:9.1} ms  ({how})\n\
             plain surface    {:9.1} ms  {plain_ratio:.2} times as long; losses differ by {:.1e} at most\n\
             {:4} evaluations {:9.1} ms  {ratio:.2} times as long",
            gpu.info().name,
            1e3 * time.surface,
            1e3 * time.plain,
            time.difference,
            time.points,
            1e3 * time.evaluations,
        )
    };
    out(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn cpu_time() -> Option<Duration> {
    cpu_time::ProcessTime::try_now().ok().map(|time| time.as_duration())
}

/// `value` with four digits.
fn short(value: f64) -> Value {
    let rounded = format!("{value:.3e}").parse::<f64>().unwrap_or(value);
    json!(rounded)
}

fn steps_json(args: &BenchStep, gpu: &Gpu, rows: &[(&str, StepTime)]) -> String {
    let row = |(name, t): &(&str, StepTime)| {
        json!({
            "model": args.model, "optimizer": name, "batch": args.batch, "lanes": args.lanes,
            "median_ms": short(1e3 * t.median), "min_ms": short(1e3 * t.min), "free_ms": short(1e3 * t.free),
            "cpu_ms": t.cpu.map(|s| short(1e3 * s)), "first_step_s": short(t.first_step), "gpu_bytes": t.gpu_bytes,
            "floor_fraction": short(t.floor_fraction), "loss_first": t.loss_first, "loss_last": t.loss_last,
            "adapter": gpu.info().name,
        })
    };
    format!("{:#}", Value::Array(rows.iter().map(row).collect()))
}

fn peaks_text(gpu: &Gpu, peaks: &Peaks) -> String {
    let [small, .., large] = peaks.bytes_per_second.map(|rate| 1e-9 * rate);
    format!(
        "{}: {:.1} Gflop/s in registers, {large:.1} GB/s ({small:.1} in a cache), {:.1} us a dispatch",
        gpu.info().name,
        1e-9 * peaks.flops,
        1e6 * peaks.dispatch_seconds
    )
}

fn steps_text(args: &BenchStep, gpu: &Gpu, peaks: &Peaks, rows: &[(&str, StepTime)]) -> String {
    let mut text = format!("{}\n\n", peaks_text(gpu, peaks));
    let BenchStep { model, batch, lanes, input, .. } = args;
    let plural = if *lanes == 1 { "lane" } else { "lanes" };
    let _ = writeln!(text, "{model}, batch {batch} of {input}, {lanes} {plural}; milliseconds a step");
    let _ = writeln!(text, "        median     min    free     cpu  first step  of the floor   GPU MB");
    for (name, t) in rows {
        let cpu = t.cpu.map_or("-".into(), |s| format!("{:.2}", 1e3 * s));
        let _ = writeln!(
            text,
            "{name:5} {:8.2} {:7.2} {:7.2} {cpu:>7} {:9.2} s {:11.1} % {:8.1}",
            1e3 * t.median,
            1e3 * t.min,
            1e3 * t.free,
            t.first_step,
            100.0 * t.floor_fraction,
            1e-6 * t.gpu_bytes as f64
        );
    }
    text.truncate(text.trim_end().len());
    text
}

fn kernels_json(peaks: &Peaks, rows: &[KernelTime]) -> String {
    let row = |kernel: &str, size: &str, seconds: f64, flops: f64, bytes: f64, fraction: f64| {
        json!({
            "kernel": kernel, "size": size, "median_us": short(1e6 * seconds), "gflops": short(1e-9 * flops),
            "gbps": short(1e-9 * bytes), "peak_fraction": short(fraction),
        })
    };
    let mut all = vec![
        row("peak_multiply_add", "registers", 0.0, peaks.flops, 0.0, 1.0),
        row("dispatch", "1 invocation", peaks.dispatch_seconds, 0.0, 0.0, 0.0),
    ];
    for (bytes, rate) in Peaks::ARRAYS.into_iter().zip(peaks.bytes_per_second) {
        all.push(row("peak_bandwidth", &format!("2 x {} KiB", bytes >> 10), 0.0, 0.0, rate, 1.0));
    }
    all.extend(rows.iter().map(|k| row(k.kernel, &k.size, k.seconds, k.flops, k.bytes_per_second, k.peak_fraction)));
    format!("{:#}", Value::Array(all))
}

fn kernels_text(gpu: &Gpu, peaks: &Peaks, rows: &[KernelTime]) -> String {
    let mut text = format!("{}\n\n", peaks_text(gpu, peaks));
    let _ = writeln!(text, "{:34} {:32} {:>9} {:>8} {:>7} {:>8}", "kernel", "size", "us", "Gflop/s", "GB/s", "of peak");
    for k in rows {
        let _ = writeln!(
            text,
            "{:34} {:32} {:9.1} {:8.2} {:7.2} {:6.1} %",
            k.kernel,
            k.size,
            1e6 * k.seconds,
            1e-9 * k.flops,
            1e-9 * k.bytes_per_second,
            100.0 * k.peak_fraction
        );
    }
    text.truncate(text.trim_end().len());
    text
}
