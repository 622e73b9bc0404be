//! Run folders for the tests: one with small known numbers, one that looks like a real comparison.

use std::fmt::Write as _;
use std::path::Path;

/// The folder's files, written.
pub fn write(dir: &Path, config: &str, metrics: &str, evaluations: &str) {
    std::fs::write(dir.join("config.json"), config).unwrap();
    std::fs::write(dir.join("metrics.csv"), metrics).unwrap();
    std::fs::write(dir.join("eval.csv"), evaluations).unwrap();
}

pub const METRICS_HEADER: &str = "optimizer,seed,step,epoch,loss,sam_loss,accuracy,grad_norm,lr,rho\n";
pub const EVAL_HEADER: &str = "optimizer,seed,step,epoch,split,loss,accuracy,top5\n";

/// Two lanes, three seeds, two epochs of ten steps, with numbers that can be checked by hand.
///
/// Test accuracy at the end: sgd 0.70 0.72 0.74, sam 0.80 0.83 0.86 (differences 0.10 0.11 0.12). Validation is best at
/// step 10 for sgd (test 0.78 0.79 0.80 there) and at step 20 for sam.
pub fn known(dir: &Path) {
    let config = r#"{"version": 1, "command": "lowland compare --data moons", "data": "moons", "model": "mlp:32,32,32",
        "label_noise": 0.4, "val_fraction": 0.1, "batch": 20, "epochs": 2, "lanes": [
        {"label": "sgd", "optimizer": "sgd", "rho": 0.0, "lr": 0.1, "steps": 20, "steps_per_epoch": 10, "gradients_per_step": 1},
        {"label": "sam", "optimizer": "sam", "rho": 0.05, "lr": 0.1, "steps": 20, "steps_per_epoch": 10, "gradients_per_step": 2}]}"#;
    let (mut metrics, mut evaluations) = (METRICS_HEADER.to_owned(), EVAL_HEADER.to_owned());
    for (lane, middle, end) in [("sgd", [0.78, 0.79, 0.80], [0.70, 0.72, 0.74]), ("sam", [0.70; 3], [0.80, 0.83, 0.86])]
    {
        for seed in 0..3 {
            for step in 0..20 {
                let sam_loss = if lane == "sam" { "1.1" } else { "" };
                writeln!(metrics, "{lane},{seed},{step},{},1.0,{sam_loss},0.5,0.3,0.1,0.05", step / 10).unwrap();
            }
            for (step, test, validation) in [
                (0, 0.5, 0.5),
                (10, middle[seed], if lane == "sgd" { 0.9 } else { 0.6 }),
                (20, end[seed], if lane == "sgd" { 0.9 } else { 0.7 }),
            ] {
                for (split, accuracy) in
                    [("test", test), ("val", validation), ("train", 0.6), ("train-clean", 0.9), ("train-flipped", 0.2)]
                {
                    writeln!(evaluations, "{lane},{seed},{step},{},{split},0.5,{accuracy},1", step / 10).unwrap();
                }
            }
        }
    }
    write(dir, config, &metrics, &evaluations);
}

/// Noise without a generator: a number from -1 to 1 for every key.
fn noise(key: u64) -> f64 {
    let mut bits = key.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ (bits >> 31)) as f64 / u64::MAX as f64 * 2.0 - 1.0
}

/// sgd, sgd-2x and sam over five seeds and 40 epochs with 40 % wrong labels: SGD learns them by heart, SAM late and less.
pub fn realistic(dir: &Path) {
    let per_epoch = 31_u64;
    let lanes = [("sgd", "sgd", 40_u64, 1), ("sgd-2x", "sgd", 80, 1), ("sam", "sam", 40, 2)];
    let listed: Vec<String> = lanes
        .iter()
        .map(|(label, optimizer, epochs, gradients)| {
            let rho = if *gradients == 2 { 0.1 } else { 0.0 };
            format!(
                r#"{{"label": "{label}", "optimizer": "{optimizer}", "rho": {rho}, "lr": 0.02, "steps": {}, "steps_per_epoch": {per_epoch}, "gradients_per_step": {gradients}}}"#,
                epochs * per_epoch
            )
        })
        .collect();
    let config = format!(
        r#"{{"version": 1, "command": "lowland compare --data fashion-sample --label-noise 0.4 --val-fraction 0.1 --optimizer sgd,sam --rho 0.1 --lr 0.02 --epochs 40 --seeds 5 --equal-compute",
        "data": "fashion-sample", "model": "cnn:16,32", "optimizer": "sgd,sam", "lr": 0.02, "momentum": 0.9, "weight_decay": 0.0005, "rho": 0.1,
        "label_noise": 0.4, "batch": 128, "epochs": 40, "seeds": 5, "seed": 0, "val_fraction": 0.1, "schedule": "cosine", "normalize": "standard",
        "activation": "relu", "norm": "batch", "augment": null, "data_seed": 0, "log_every": 1, "lanes": [{}]}}"#,
        listed.join(", ")
    );
    let (mut metrics, mut evaluations) = (METRICS_HEADER.to_owned(), EVAL_HEADER.to_owned());
    for (index, (lane, _, epochs, gradients)) in lanes.into_iter().enumerate() {
        for seed in 0..5_u64 {
            let offset = noise(1000 * index as u64 + seed) * 0.006;
            for epoch in 0..=epochs {
                let (x, total) = (epoch as f64, epochs as f64);
                let learnt = 1.0 - (-x / 2.5).exp();
                let by_heart = if gradients == 2 {
                    0.30 * (x / total).powf(2.2)
                } else {
                    0.94 / (1.0 + (-(x - 17.0) / 4.5).exp())
                };
                let jitter = |kind: u64| noise(seed + 10 * kind + 100 * epoch + 100_000 * (index as u64 + 1)) * 0.012;
                let test = 0.1 + 0.735 * learnt - 0.17 * by_heart + offset;
                let flipped = 0.1 * (1.0 - learnt) + 0.025 + by_heart;
                let clean = 0.1 + 0.74 * learnt + 0.14 * by_heart;
                for (split, accuracy, loss) in [
                    ("test", test + jitter(1), 2.3 - 1.45 * learnt + 1.35 * by_heart + 8.0 * jitter(2)),
                    ("val", 0.6 * test + 0.04 + 2.0 * jitter(3), 2.3 - 0.6 * learnt + 1.6 * by_heart),
                    ("train", 0.6 * clean + 0.4 * flipped, 2.3 - 0.65 * learnt - 1.1 * by_heart),
                    ("train-clean", clean + 0.5 * jitter(4), 1.0),
                    ("train-flipped", flipped + 0.5 * jitter(5), 3.0),
                ] {
                    let (step, top5) = (epoch * per_epoch, (accuracy + 0.3).min(1.0));
                    writeln!(evaluations, "{lane},{seed},{step},{epoch},{split},{loss:.4},{accuracy:.4},{top5:.4}")
                        .unwrap();
                }
            }
            for step in 0..epochs * per_epoch {
                let x = step as f64 / per_epoch as f64;
                let by_heart =
                    if gradients == 2 { 0.30 * (x / 40.0).powf(2.2) } else { 0.94 / (1.0 + (-(x - 17.0) / 4.5).exp()) };
                let loss = 2.3 - 0.62 * (1.0 - (-x / 2.0).exp()) - 1.3 * by_heart
                    + 0.09 * noise(step * 7 + seed + 31 * index as u64);
                let sam_loss = if gradients == 2 { format!("{:.4}", loss + 0.12) } else { String::new() };
                writeln!(metrics, "{lane},{seed},{step},{},{loss:.4},{sam_loss},0.5,1.2,0.02,0.1", step / per_epoch)
                    .unwrap();
            }
        }
    }
    write(dir, &config, &metrics, &evaluations);
}
