//! Damaged and missing files: exit code 2, the file is named, nothing left behind.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{files, has_adapter, ok, refused};
use std::fs::{create_dir, create_dir_all, read, write};
use std::path::Path;

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
        ("changed.json", "{\"changes\": [[3, \"rho\", 0.2], [3, \"lr\", 0.1]]}"),
        ("backwards.json", "{\"changes\": [[3, \"rho\", 0.2], [2, \"lr\", 0.1]]}"),
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
        (&["train", "--config", "changed.json"], &["changed.json", "from step 3 on rho was 0.2", "`changes`"]),
        (&["compare", "--config", "backwards.json"], &["backwards.json", "step 2 comes after step 3"]),
        (&["sweep", "--grid", "changes=1"], &["--grid changes", "nobody sets it"]),
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
