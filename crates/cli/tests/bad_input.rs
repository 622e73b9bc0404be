//! Bad input: exit code 2 before any work, one message that names the offender, nothing left behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{Ran, command, files, finish, has_adapter, ok, run};
use std::fs::{create_dir, create_dir_all, read, write};
use std::path::Path;
use std::time::Instant;

/// `args` are bad: all of `words` are in the message, and `dir` is as it was.
fn refused(dir: &Path, args: &[&str], words: &[&str]) {
    let before = files(dir);
    let ran = run(dir, args);
    assert_refused(&ran, args, words);
    assert!(files(dir) == before, "{args:?} left something behind");
}

fn assert_refused(ran: &Ran, args: &[&str], words: &[&str]) {
    let Ran { code, stdout, stderr } = ran;
    assert_eq!(*code, Some(2), "{args:?}: {stderr}");
    assert!(stdout.is_empty(), "{args:?} prints {stdout}");
    assert!(!stderr.contains("panicked") && !stderr.contains("RUST_BACKTRACE"), "{args:?}: {stderr}");
    for word in words {
        assert!(stderr.to_lowercase().contains(&word.to_lowercase()), "{args:?}: no '{word}' in: {stderr}");
    }
    // The argument parser adds its usage; what the program itself finds is one line.
    let one = stderr.starts_with("lowland: ") && stderr.lines().count() == 1;
    assert!(one || stderr.starts_with("error: "), "{args:?}: {stderr}");
}

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

/// IDX files of `count` images of 4 x 4 pixels, training and test.
fn write_idx(folder: &Path, count: u32) {
    create_dir(folder).unwrap();
    let header =
        |rank: u8, sizes: &[u32]| [vec![0, 0, 8, rank], sizes.iter().flat_map(|n| n.to_be_bytes()).collect()].concat();
    for part in ["train", "t10k"] {
        let images = [header(3, &[count, 4, 4]), (0..16 * count).map(|i| i as u8).collect()].concat();
        let labels = [header(1, &[count]), (0..count).map(|i| (i % 3) as u8).collect()].concat();
        write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn damaged_data() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for folder in ["good", "short", "long", "zipped", "labels", "counts", "empty", "header", "lies"] {
        write_idx(&dir.join(folder), 12);
    }
    let change = |path: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = read(dir.join(path)).unwrap();
        change(&mut bytes);
        write(dir.join(path), bytes).unwrap();
    };
    let images = "train-images-idx3-ubyte";
    change(&format!("short/{images}"), &|bytes| bytes.truncate(100));
    change(&format!("long/{images}"), &|bytes| bytes.push(0));
    change(&format!("zipped/{images}"), &|bytes| bytes.splice(..2, [0x1f, 0x8b]).for_each(drop));
    change("labels/t10k-labels-idx1-ubyte", &|bytes| bytes.truncate(5));
    change("counts/train-labels-idx1-ubyte", &|bytes| {
        bytes[7] = 11;
        bytes.pop();
    });
    change(&format!("empty/{images}"), &Vec::clear);
    change(&format!("header/{images}"), &|bytes| bytes[2] = 9);
    change(&format!("lies/{images}"), &|bytes| bytes[4..8].fill(255));
    create_dir(dir.join("cifar-10-batches-bin")).unwrap();
    for file in ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"] {
        write(dir.join(format!("cifar-10-batches-bin/{file}.bin")), vec![1; 3000]).unwrap();
    }
    ok(dir, &["train", "--data", "idx:good", "--batch", "4", "--steps", "1", "--model", "mlp:4", "--out", "run"]);
    let cases: &[(&str, &[&str])] = &[
        ("idx:short", &["short/train-images", "192", "84"]),
        ("idx:long", &["long/train-images", "more"]),
        ("idx:zipped", &["zipped/train-images"]),
        ("idx:labels", &["labels/t10k-labels", "header"]),
        ("idx:counts", &["counts/train-images", "12", "11", "belong together"]),
        ("idx:empty", &["empty/train-images", "empty file"]),
        ("idx:header", &["header/train-images", "00 00 09"]),
        ("idx:lies", &["lies/train-images", "4294967295"]),
        ("cifar10", &["data_batch_1.bin", "3073", "3000"]),
    ];
    for (data, words) in cases {
        refused(dir, &["train", "--data-dir", ".", "--data", data], words);
        refused(dir, &["eval", "run/final-sgd-0.safetensors", "--data-dir", ".", "--data", data], words);
    }
}

#[test]
fn damaged_images_and_tables() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    for (set, other) in [
        ("good", None),
        ("short", Some("b/9.png")),
        ("text", Some("b/9.jpg")),
        ("gif", Some("b/9.gif")),
        ("none", Some("c/x")),
    ] {
        for class in ["a", "b"] {
            for i in 0..5u8 {
                let path = dir.join(format!("{set}/{class}/{i}.png"));
                create_dir_all(path.parent().unwrap()).unwrap();
                image::RgbImage::from_fn(8, 8, |x, y| image::Rgb([40 * i, x as u8, y as u8])).save(path).unwrap();
            }
        }
        let bytes = read(dir.join(set).join("a/0.png")).unwrap();
        if let Some(other) = other {
            create_dir_all(dir.join(set).join(other).parent().unwrap()).unwrap();
            write(dir.join(set).join(other), if set == "short" { &bytes[..60] } else { b"nothing to see" }).unwrap();
        }
    }
    create_dir_all(dir.join("lonely/a")).unwrap();
    write(dir.join("good.csv"), "x,y,class\n".to_owned() + &"0,1,b\n2,3,a\n".repeat(5)).unwrap();
    for (file, text) in [
        ("word.csv", "x,y,class\n0,1,b\n2,three,a\n"),
        ("ragged.csv", "x,y,class\n0,1,b\n2,a\n"),
        ("one.csv", "0,1,b\n2,3,b\n"),
        ("targets.csv", "0,1,0.1\n2,3,0.2\n4,5,0.3\n"),
        ("header.csv", "x,y,class\n"),
        ("semicolons.csv", "0;1;b\n2;3;a\n"),
        ("empty.csv", ""),
        ("wide.csv", "0,1,2,b\n"),
    ] {
        write(dir.join(file), text).unwrap();
    }
    create_dir(dir.join("cifar-100-binary")).unwrap();
    create_dir(dir.join("svhn")).unwrap();
    for file in ["cifar-100-binary/train.bin", "cifar-100-binary/test.bin"] {
        write(dir.join(file), vec![1; 3073]).unwrap();
    }
    for file in ["svhn/train_32x32.mat", "svhn/test_32x32.mat"] {
        write(dir.join(file), vec![1; 3000]).unwrap();
    }
    for (data, out) in [("images:good", "run"), ("csv:good.csv", "run2")] {
        ok(dir, &["train", "--data", data, "--batch", "4", "--steps", "1", "--model", "mlp:4", "--out", out]);
    }
    ok(dir, &["eval", "run/final-sgd-0.safetensors"]);
    let cases: &[(&str, &[&str])] = &[
        ("images:short", &["short/b/9.png", "cannot be read"]),
        ("images:text", &["text/b/9.jpg", "cannot be read", "PNG or JPEG"]),
        ("images:gif", &["gif/b/9.gif", "convert"]),
        ("images:none", &["none/c", "no PNG or JPEG"]),
        ("images:lonely", &["lonely", "only the folder a"]),
        ("images:good/a", &["good/a", "no folders"]),
        ("csv:word.csv", &["word.csv", "line 3, column 2 (y)", "three"]),
        ("csv:ragged.csv", &["ragged.csv", "line 3", "2 columns", "line 1 has 3"]),
        ("csv:one.csv", &["one.csv", "'b' everywhere"]),
        ("csv:targets.csv", &["targets.csv", "3 values in 3 rows"]),
        ("csv:header.csv", &["header.csv", "only a header"]),
        ("csv:semicolons.csv", &["semicolons.csv", "line 1", "commas"]),
        ("csv:empty.csv", &["empty.csv", "nothing"]),
        ("csv:good.csv,wide.csv", &["wide.csv", "3 columns", "good.csv has 2"]),
        ("csv:good.csv,absent.csv", &["absent.csv", "csv:TRAIN,TEST"]),
        ("cifar100", &["train.bin", "3074", "3073"]),
        ("svhn", &["train_32x32.mat", "MAT-file"]),
    ];
    for (data, words) in cases {
        refused(dir, &["train", "--data-dir", ".", "--data", data], words);
        refused(dir, &["eval", "run/final-sgd-0.safetensors", "--data-dir", ".", "--data", data], words);
    }
}

#[test]
fn files_and_folders() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, &["train", "--steps", "4", "--model", "mlp:4", "--out", "run"]);
    ok(dir, &["train", "--steps", "1", "--model", "mlp:4", "--norm", "batch", "--out", "normed"]);
    let weights = read(dir.join("run/final-sgd-0.safetensors")).unwrap();
    write(dir.join("cut"), &weights[..weights.len() - 7]).unwrap();
    write(dir.join("noise"), [255; 300]).unwrap();
    write(dir.join("nothing"), []).unwrap();
    let mut bare = common::Tensors::read(&dir.join("run/final-sgd-0.safetensors"));
    bare.metadata.clear();
    bare.write(&dir.join("bare"));
    let bias = bare.tensors.get_mut("layers.0.bias").unwrap();
    *bias = ("F16".into(), vec![4], vec![0; 8]);
    bare.write(&dir.join("half"));
    for (file, text) in [
        ("half.json", "{\"rho\": 0.1"),
        ("list.json", "[]"),
        ("key.json", "{\"rhoo\": 0.1}"),
        ("type.json", "{\"rho\": \"big\"}"),
        ("large.json", "{\"lr\": 1e300}"),
        ("nan.json", "{\"rho\": NaN}"),
        ("range.json", "{\"label_noise\": 2}"),
        ("seeds.json", "{\"seeds\": -1}"),
    ] {
        write(dir.join(file), text).unwrap();
    }
    create_dir(dir.join("folder")).unwrap();
    write(dir.join("folder/mine"), "precious").unwrap();
    for (copy, file, bytes) in [
        ("badcheckpoint", "checkpoint.safetensors", &weights[..20]),
        ("strange", "checkpoint.safetensors", &weights[..]),
        ("shorttable", "eval.csv", &[][..]),
        ("badconfig", "config.json", b"{"),
    ] {
        create_dir(dir.join(copy)).unwrap();
        for (name, bytes) in files(&dir.join("run")) {
            write(dir.join(copy).join(name), bytes).unwrap();
        }
        write(dir.join(copy).join(file), bytes).unwrap();
    }
    let run_weights = "run/final-sgd-0.safetensors";
    let normed = "normed/final-sgd-0.safetensors";
    let cases: &[(&[&str], &[&str])] = &[
        (&["train", "--config", "absent.json"], &["absent.json", "--config"]),
        (&["train", "--config", "half.json"], &["half.json", "line 1"]),
        (&["train", "--config", "list.json"], &["list.json", "object"]),
        (&["train", "--config", "key.json"], &["key.json", "rhoo"]),
        (&["train", "--config", "type.json"], &["type.json", "rho", "big"]),
        (&["train", "--config", "large.json"], &["large.json", "lr", "inf"]),
        (&["train", "--config", "nan.json"], &["nan.json"]),
        (&["train", "--config", "range.json"], &["range.json", "label-noise", "2"]),
        (&["train", "--config", "seeds.json"], &["seeds.json", "seeds", "-1"]),
        (&["train", "--init", "absent"], &["absent", "--init"]),
        (&["train", "--init", "cut"], &["cut", "safetensors"]),
        (&["train", "--init", "noise"], &["noise", "safetensors"]),
        (&["train", "--init", "nothing"], &["nothing", "safetensors"]),
        (&["train", "--init", run_weights, "--model", "mlp:8"], &[run_weights, "layers.0.weight", "[4, 2]", "[8, 2]"]),
        (&["train", "--init", run_weights, "--model", "mlp:4,4"], &[run_weights, "layers."]),
        (&["train", "--init", normed, "--model", "mlp:4"], &[normed, "norms.0", "--model"]),
        (&["train", "--out", "run"], &["run", "--out", "--resume"]),
        (&["train", "--out", "folder"], &["folder", "in use", "--out"]),
        (&["train", "--out", "bare"], &["bare", "--out"]),
        (&["train", "--out", "bare/inside"], &["bare/inside", "--out"]),
        (&["train", "--resume", "absent"], &["absent", "not a run folder"]),
        (&["train", "--resume", "folder"], &["folder", "not a run folder"]),
        (&["train", "--resume", "badcheckpoint"], &["badcheckpoint", "damaged", "step 0"]),
        (&["train", "--resume", "strange"], &["strange", "checkpoint"]),
        (&["train", "--resume", "shorttable"], &["eval.csv", "damaged"]),
        (&["train", "--resume", "badconfig"], &["badconfig/config.json"]),
        (&["train", "--resume", "run", "--rho", "0.3"], &["--rho", "run/config.json"]),
        (&["train", "--resume", "run", "--out", "new"], &["--resume", "--out"]),
        (&["eval", "absent"], &["absent"]),
        (&["eval", "folder"], &["folder"]),
        (&["eval", "cut"], &["cut", "safetensors"]),
        (&["eval", "noise"], &["noise", "safetensors"]),
        (&["eval", "bare"], &["bare", "--model"]),
        (&["eval", "half", "--model", "mlp:4"], &["half", "layers.0.bias", "F16", "F32"]),
        (&["eval", run_weights, "cut"], &["cut"]),
        (&["eval", run_weights, "--model", "mlp:8"], &[run_weights, "mlp:8", "[4, 2]", "[8, 2]"]),
        (&["eval", run_weights, "--split", "val"], &["val-fraction"]),
        (&["eval", run_weights, "--data", "fashion-sample"], &[run_weights, "784"]),
        (&["eval", "run/checkpoint.safetensors"], &["run/checkpoint.safetensors", "final-"]),
        (&["predict", "cut"], &["cut"]),
        (&["predict", run_weights, "--out", "folder"], &["folder", "--out"]),
        (&["predict", run_weights, "--out", "absent/p.csv"], &["absent/p.csv", "--out"]),
        (&["report", "absent"], &["absent"]),
        (&["report", "folder"], &["folder", "config.json"]),
    ];
    for (args, words) in cases {
        refused(dir, args, words);
    }
    if cfg!(target_os = "linux") {
        refused(dir, &["train", "--out", "/proc/lowland"], &["/proc/lowland", "--out"]);
    }
}
