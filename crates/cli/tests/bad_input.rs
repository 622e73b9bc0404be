//! Bad input: exit code 2 before any work, one message that names the offender, nothing left behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{assert_refused, command, files, finish, has_adapter, ok, refused, run};
use std::fs::{create_dir, write};
use std::time::Instant;

#[test]
fn flags() {
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["train", "--rho", "nan"], &["rho", "NaN", "from 0"]),
        (&["train", "--rho=-1"], &["rho", "-1", "from 0"]),
        (&["train", "--rho", "-0.1"], &["rho", "-0.1"]),
        (&["train", "--rho", "x"], &["--rho", "x"]),
        (&["train", "--lr", "inf"], &["lr", "inf"]),
        (&["train", "--lr=-0.1"], &["lr", "-0.1"]),
        (&["train", "--momentum", "1"], &["momentum", "below 1"]),
        (&["train", "--nesterov", "--momentum", "0"], &["nesterov", "momentum"]),
        (&["train", "--betas", "x"], &["betas", "x", "0.9,0.999"]),
        (&["train", "--betas", "0.9,1"], &["betas", "below 1"]),
        (&["train", "--eps=-1"], &["eps"]),
        (&["train", "--weight-decay", "nan"], &["weight-decay"]),
        (&["train", "--schedule", "sometimes"], &["schedule", "cosine"]),
        (&["train", "--schedule", "step:0.1"], &["step:0.1", "step:FACTOR,EPOCH"]),
        (&["train", "--schedule", "step:0.1,6,5"], &["step:0.1,6,5", "rising"]),
        (&["train", "--schedule", "exponential:0"], &["exponential:0", "above 0"]),
        (&["train", "--p", "0.5"], &["0.5", "1 to inf"]),
        (&["train", "--p", "nan"], &["NaN", "1 to inf"]),
        (&["compare", "--lane", "a: optimizer=sam p=none"], &["lane a", "p is", "none"]),
        (&["train", "--m", "0"], &["m is 0", "at least 1"]),
        (&["train", "--m", "3"], &["m is 3", "20", "divisor"]),
        (&["train", "--m", "40"], &["m is 40", "20", "divisor"]),
        (&["train", "--m", "1", "--norm", "batch"], &["batch norm", "at least 2"]),
        (&["train", "--ascent-steps", "0"], &["ascent-steps", "at least 1"]),
        (&["train", "--ascent-steps", "4000000000"], &["ascent-steps", "at most 100"]),
        (&["train", "--second-order"], &["second-order", "sgd", "--optimizer sam"]),
        (&["train", "--optimizer", "asam", "--second-order"], &["second-order", "asam"]),
        (&["train", "--optimizer", "sam", "--second-order", "--p", "inf"], &["second-order", "p is inf"]),
        (&["compare", "--lane", "a: optimizer=sam second-order=true ascent-steps=2"], &["lane a", "ascent-steps is 2"]),
        (&["compare", "--lane", "a: optimizer=sam second-order=perhaps"], &["lane a", "second_order", "perhaps"]),
        (&["train", "--clip-norm", "0"], &["clip-norm", "above 0"]),
        (&["train", "--clip-norm", "nan"], &["clip-norm", "NaN"]),
        (&["train", "--alpha", "1"], &["alpha", "below 1"]),
        (&["train", "--batch", "0"], &["batch", "at least 1"]),
        (&["train", "--batch=-3"], &["batch", "-3"]),
        (&["train", "--batch", "99999999999999999999"], &["batch", "99999999999999999999"]),
        (&["train", "--seeds", "0"], &["seeds", "at least 1"]),
        (&["train", "--seeds", "4000000000"], &["seeds", "4000000000", "at most"]),
        (&["train", "--seed", "4294967295", "--seeds", "2"], &["seed", "4294967295"]),
        (&["train", "--epochs", "0"], &["epochs", "at least 1"]),
        (&["train", "--epochs", "1.5"], &["epochs", "1.5"]),
        (&["train", "--steps", "0"], &["steps"]),
        (&["train", "--steps", "5", "--epochs", "5"], &["steps", "epochs"]),
        (&["train", "--log-every", "0"], &["log-every"]),
        (&["train", "--eval-every", "0"], &["eval-every"]),
        (&["train", "--checkpoint-every", "0"], &["checkpoint-every"]),
        (&["train", "--keep-every", "0"], &["keep-every"]),
        (&["train", "--label-noise", "1.5"], &["label-noise", "1.5"]),
        (&["train", "--label-noise", "nan"], &["label-noise", "nan"]),
        (&["train", "--label-smoothing", "1"], &["label-smoothing"]),
        (&["train", "--val-fraction", "1"], &["val-fraction"]),
        (&["train", "--data-noise", "nan"], &["data-noise", "nan"]),
        (&["train", "--train-limit", "0"], &["train-limit"]),
        (&["train", "--normalize", "maybe"], &["normalize", "standard"]),
        (&["train", "--order", "random"], &["order", "shuffle"]),
        (&["train", "--activation", "sine"], &["activation", "relu"]),
        (&["train", "--norm", "layer"], &["norm", "batch"]),
        (&["train", "--dropout", "1"], &["dropout", "below 1"]),
        (&["train", "--dropout=-0.1"], &["dropout", "-0.1"]),
        (&["train", "--augment", "rotate:3"], &["augment", "rotate:3", "flip, crop:N"]),
        (&["train", "--augment", "crop"], &["augment", "crop", "pixels"]),
        (&["train", "--base", "sam"], &["base", "sgd"]),
        (&["train", "--kernels", "tpu"], &["kernels", "auto"]),
        (&["train", "--optimizer", "foo"], &["foo", "sgd, adam, adamw, rmsprop, sam, asam"]),
        (&["train", "--optimizer", "sgd,sam"], &["one optimizer", "compare"]),
        (&["train", "--optimizer", ""], &["optimizer"]),
        (&["train", "--equal-compute"], &["compare"]),
        (&["train", "--learning-rate", "1"], &["--learning-rate"]),
        (&["compare", "--optimizer", "sgd,sam,sgd"], &["two lanes", "sgd"]),
        (&["compare", "--lane", "nonsense"], &["nonsense", "colon"]),
        (&["compare", "--lane", ": rho=1"], &["label"]),
        (&["compare", "--lane", "../a: rho=1"], &["label", "../a"]),
        (&["compare", "--lane", "a: rho"], &["key=value"]),
        (&["compare", "--lane", "a: rhoo=1"], &["rhoo", "rho"]),
        (&["compare", "--lane", "a: rho=1 rho=2"], &["rho", "twice"]),
        (&["compare", "--lane", "a: rho=nan"], &["lane a", "rho", "nan"]),
        (&["compare", "--lane", "a: rho=-1"], &["lane a", "rho", "-1"]),
        (&["compare", "--lane", "a: optimizer=foo"], &["lane a", "foo"]),
        (&["compare", "--lane", "a: rho=1", "--lane", "a: rho=2"], &["two lanes", "'a'"]),
        (&["compare", "--optimizer", "sgd,sam", "--lane", "sam: rho=2"], &["two lanes", "'sam'"]),
        (&["swep"], &["swep"]),
        (&[], &[]),
        (&["eval"], &["FILES"]),
    ];
    for (args, words) in cases {
        if args.is_empty() {
            assert_eq!(run(dir.path(), args).code, Some(2));
            continue;
        }
        refused(dir.path(), args, words);
    }
}

#[test]
fn data_and_models() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let cases: &[(&[&str], &[&str])] = &[
        (&["train", "--data", "nope"], &["nope", "did you mean", "moons"]),
        (&["train", "--data", "mnist"], &["mnist", "train-images", "--data-dir"]),
        (&["train", "--data", "cifar10", "--data-dir", "here"], &["cifar10", "here", "data_batch_1.bin"]),
        (&["train", "--data", "idx:"], &["idx:", "DIR"]),
        (&["train", "--data", "idx:there"], &["there", "train-labels"]),
        (&["train", "--data", "cifar100", "--data-dir", "here"], &["cifar100", "here/cifar-100-binary", "test.bin"]),
        (&["train", "--data", "svhn", "--data-dir", "here"], &["svhn", "here/svhn", "train_32x32.mat", "--data-dir"]),
        (&["train", "--data", "images:"], &["images:", "DIR"]),
        (&["train", "--data", "images:there"], &["there", "images:DIR"]),
        (&["train", "--data", "images:.", "--image-size", "0"], &["image-size", "0", "1024"]),
        (&["train", "--data", "images:."], &["no folders", "one for each class"]),
        (&["train", "--data", "csv:"], &["csv:", "FILE"]),
        (&["train", "--data", "csv:there.csv"], &["there.csv", "csv:FILE"]),
        (&["train", "--data-size", "0"], &["data-size", "0"]),
        (&["train", "--data-size", "1"], &["data-size", "1"]),
        (&["train", "--data-size", "1000000000"], &["data-size", "1000000000"]),
        (&["train", "--data-noise", "1e30"], &["data-noise"]),
        (&["train", "--train-limit", "201"], &["train-limit", "201", "200"]),
        (&["train", "--test-limit", "2001"], &["test-limit", "2001", "2000"]),
        (&["train", "--val-fraction", "0.999"], &["val-fraction"]),
        (&["train", "--normalize", "unit"], &["normalize", "none or standard"]),
        (&["train", "--batch", "201"], &["batch", "201", "200"]),
        (&["train", "--batch", "100000"], &["batch", "100000", "200"]),
        (&["train", "--val-fraction", "0.5", "--batch", "101"], &["batch", "101", "100"]),
        (&["train", "--steps", "18446744073709551615"], &["steps", "at most"]),
        (&["train", "--epochs", "18446744073709551615"], &["steps", "at most"]),
        (&["train", "--model", "mlp:0"], &["mlp:0", "from 1"]),
        (&["train", "--model", "mlp:"], &["mlp:", "mlp:256,128"]),
        (&["train", "--model", "mlp:a"], &["mlp:a"]),
        (&["train", "--model", "mlp:99999999999999999999"], &["mlp:99999999999999999999", "65536"]),
        (&["train", "--model", "foo:3"], &["foo:3", "mlp"]),
        (&["train", "--model", "cnn:8,8"], &["pools.1", "cnn:8,8", "8x1x1"]),
        (&["train", "--data", "fashion-sample", "--model", "cnn:4,4,4,4,4,4"], &["pools.5", "4x1x1"]),
        (&["train", "--model", "mlp:65536,65536"], &["layers.1", "mlp:65536,65536", "4294967296"]),
        (&["train", "--norm", "batch", "--batch", "1"], &["batch norm", "at least 2"]),
        (&["compare", "--lane", "a: batch=500"], &["lane a", "500", "200"]),
        (&["train", "--augment", "flip"], &["augment", "no images"]),
        (&["train", "--data", "fashion-sample", "--augment", "crop:28"], &["crop:28", "28x28", "at most 27"]),
        (&["train", "--data", "fashion-sample", "--augment", "flip,cutout:99"], &["cutout:99", "28x28"]),
        (&["train", "--model", "absent.json"], &["absent.json", "--model"]),
        (&["train", "--model", "{\"layers\": [{\"type\": \"lstm\"}]}"], &["layer 0", "lstm", "conv, dense"]),
        (&["train", "--model", "{\"layers\": [{\"type\": \"dense\", \"outputs\": 3}]}"], &["3 features", "2 classes"]),
        (&["train", "--model", "{\"layers\": [{\"type\": \"activation\"}]}"], &["no layer that can be trained"]),
        (
            &["train", "--model", "{\"layers\": [{\"type\": \"flatten\"}]}", "--dropout", "0.1"],
            &["dropout", "layers of their own"],
        ),
        (&["train", "--adapter", "nope"], &["nope", "adapter"]),
        (&["doctor", "--adapter", "nope"], &["nope", "adapter"]),
    ];
    let start = Instant::now();
    for (args, words) in cases {
        refused(dir.path(), args, words);
    }
    // Nothing of the sixteen gigabytes is allocated before they are refused.
    assert!(start.elapsed().as_secs() < 5 * cases.len() as u64);
}

#[test]
fn sweeps() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let thousand = (1..=1000).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
    let (long, longer) = (format!("steps={thousand}"), format!("warmup={thousand}"));
    let cases: &[(&[&str], &[&str])] = &[
        (&["sweep"], &["grid", "--grid rho=0,0.05"]),
        (&["sweep", "--grid", "rho"], &["--grid rho", "no ="]),
        (&["sweep", "--grid", "rho="], &["--grid rho=", "no values"]),
        (&["sweep", "--grid", "=1,2"], &["no key"]),
        (&["sweep", "--grid", "rho=0,,1"], &["empty"]),
        (&["sweep", "--grid", "rho=0,0.0"], &["0.0", "twice"]),
        (&["sweep", "--grid", "rhoo=0,1"], &["rhoo", "for instance rho"]),
        (&["sweep", "--grid", "out=a,b"], &["no setting 'out'"]),
        (&["sweep", "--grid", "rho=0,1", "--grid", "rho=2"], &["--grid rho", "twice"]),
        (&["sweep", "--grid", "rho=0,x"], &["--grid rho=x", "rho is \"x\""]),
        (&["sweep", "--grid", "norm=batch,layer"], &["--grid norm=layer"]),
        (&["sweep", "--grid", "rho=0,-1", "--grid", "batch=4,8"], &["cell rho=-1, batch=4", "rho is -1"]),
        (&["sweep", "--grid", "optimizer=sgd,foo"], &["cell optimizer=foo", "no optimizer 'foo'"]),
        (&["sweep", "--grid", "seed=0,1"], &["--seeds"]),
        (&["sweep", "--grid", "seeds=1,2"], &["--seeds"]),
        (&["sweep", "--grid", "lane=a"], &["--lane"]),
        (&["sweep", "--grid", "optimizer=sgd,sam", "--equal-compute"], &["--optimizer sgd,sam"]),
        (&["sweep", "--grid", &long, "--grid", &longer], &["1000000 cells (1000 x 1000)", "at most"]),
        (&["sweep", "--grid", "rho=0,1", "--metric", "speed"], &["speed", "test-accuracy"]),
        (&["sweep", "--grid", "rho=0,1", "--metric", "val-loss"], &["val-loss", "--val-fraction"]),
        (&["sweep", "--grid", "rho=0,1", "--steps", "3", "--epochs", "3"], &["steps", "epochs"]),
        (&["sweep", "--resume", "absent"], &["absent", "not a sweep"]),
        (&["report", ".", "--metric", "speed"], &["speed"]),
    ];
    for (args, words) in cases {
        refused(dir, args, words);
    }
    if !has_adapter() {
        return;
    }
    ok(dir, &["train", "--steps", "1", "--model", "mlp:4", "--out", "run"]);
    ok(dir, &["sweep", "--steps", "1", "--model", "mlp:4", "--grid", "rho=0,0.1", "--out", "swept"]);
    for (name, bytes) in [("broken", &b"{"[..]), ("bare", &b"{}"[..]), ("later", &br#"{"version": 9}"#[..])] {
        create_dir(dir.join(name)).unwrap();
        write(dir.join(name).join("sweep.json"), bytes).unwrap();
    }
    let cases: &[(&[&str], &[&str])] = &[
        (&["sweep", "--grid", "batch=20,201"], &["batch-201", "201", "200"]),
        (&["sweep", "--grid", "label-noise=0,0.5", "--grid", "batch=20,201"], &["label-noise=0", "201", "200"]),
        (&["sweep", "--grid", "model=mlp:4;mlp:0"], &["model=mlp:0", "from 1"]),
        (&["sweep", "--grid", "model=mlp:256,128"], &["model=128"]),
        (&["sweep", "--grid", "data=moons,nope"], &["data=nope", "did you mean"]),
        (&["sweep", "--grid", "train-limit=100,201"], &["train-limit=201", "200"]),
        (&["sweep", "--grid", "init=absent"], &["absent", "--init"]),
        (&["sweep", "--grid", "rho=0,1", "--out", "swept"], &["swept", "in use"]),
        (&["sweep", "--resume", "run"], &["run", "not a sweep"]),
        (&["sweep", "--resume", "broken"], &["broken/sweep.json", "damaged"]),
        (&["sweep", "--resume", "bare"], &["bare/sweep.json"]),
        (&["sweep", "--resume", "later"], &["later version"]),
        (&["sweep", "--resume", "swept", "--grid", "rho=0,0.2"], &["another grid"]),
        (&["sweep", "--resume", "swept", "--lr", "1"], &["--lr", "swept/sweep.json"]),
        (&["train", "--resume", "swept"], &["swept", "not a run folder"]),
        (&["report", "swept", "--metric", "val-loss"], &["swept", "val-loss", "--val-fraction"]),
        (&["report", "run", "--metric", "gap"], &["--metric", "sweep"]),
        (&["report", "broken"], &["broken/sweep.json", "line 1"]),
        (&["report", "bare"], &["bare/sweep.json", "axes"]),
    ];
    for (args, words) in cases {
        refused(dir, args, words);
    }
}

#[test]
fn no_adapter() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    write(dir.path().join("config.json"), "{}").unwrap();
    for args in [
        &["train"][..],
        &["compare"],
        &["sweep", "--grid", "rho=0,1"],
        &["doctor"],
        &["doctor", "--json"],
        &["train", "--resume", "."],
    ] {
        let mut command = command(dir.path(), args);
        command.env("VK_DRIVER_FILES", "/nonexistent").env("VK_ICD_FILENAMES", "/nonexistent");
        let before = files(dir.path());
        assert_refused(&finish(command), args, &["no GPU adapter", "install"]);
        assert!(files(dir.path()) == before, "{args:?} left something behind");
    }
}
