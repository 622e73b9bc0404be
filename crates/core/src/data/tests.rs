use super::*;
use proptest::prelude::*;

fn config(data: &str) -> Config {
    Config { data: data.into(), ..Config::default() }
}

fn refusal(config: &Config) -> String {
    let error = load(config).unwrap_err();
    assert!(error.is_input());
    error.to_string()
}

fn bytes(split: &Split) -> &[u8] {
    match &split.inputs {
        Inputs::Bytes(values) => values,
        Inputs::Floats(_) => panic!("images are bytes"),
    }
}

#[test]
fn points_come_with_their_defaults() {
    for name in ["moons", "spirals", "circles", "gaussians", "xor"] {
        let set = load(&config(name)).unwrap();
        assert_eq!((set.name.as_str(), set.classes, set.shape.len()), (name, 2, 2));
        assert_eq!((set.train.len(), set.test.len()), (200, 2_000));
        assert_eq!(set.scaling, Scaling { mean: vec![0.0; 2], std: vec![1.0; 2] });
        assert!(set.val.is_none() && set.train.flipped.is_empty());
    }
}

#[test]
fn images_are_standardised_by_default() {
    let set = load(&config("fashion-sample")).unwrap();
    // The whole of Fashion-MNIST has mean 72.94 and standard deviation 90.02.
    assert!((set.scaling.mean[0] - 72.94).abs() < 3.0 && (set.scaling.std[0] - 90.02).abs() < 3.0, "{:?}", set.scaling);
    let unit = load(&Config { normalize: Some(Normalize::Unit), ..config("fashion-sample") }).unwrap();
    assert_eq!(unit.scaling, Scaling { mean: vec![0.0], std: vec![255.0] });
    assert!(refusal(&Config { normalize: Some(Normalize::Unit), ..config("moons") }).contains("--normalize unit"));
}

#[test]
fn limits_take_the_first_examples() {
    let whole = load(&config("fashion-sample")).unwrap();
    let part = Config { train_limit: Some(30), test_limit: Some(7), ..config("fashion-sample") };
    let part = load(&part).unwrap();
    assert_eq!((part.train.len(), part.test.len()), (30, 7));
    assert_eq!(part.train.labels, whole.train.labels[..30]);
    assert_eq!(bytes(&part.train), &bytes(&whole.train)[..30 * 784]);
    assert_eq!(bytes(&part.test), &bytes(&whole.test)[..7 * 784]);
    // The scaling is of the images used.
    assert_ne!(part.scaling, whole.scaling);

    let text = refusal(&Config { train_limit: Some(2_001), ..config("fashion-sample") });
    assert!(text.contains("--train-limit 2001") && text.contains("2000 training"), "{text}");
    let text = refusal(&Config { test_limit: Some(5_000), ..config("moons") });
    assert!(text.contains("--test-limit 5000") && text.contains("2000 test"), "{text}");
    refusal(&Config { train_limit: Some(0), ..config("moons") });
    assert_eq!(load(&Config { train_limit: Some(200), ..config("moons") }).unwrap(), load(&config("moons")).unwrap());
}

#[test]
fn validation_is_the_last_part_and_as_noisy() {
    let noisy = Config { label_noise: 0.4, train_limit: Some(1_000), ..config("fashion-sample") };
    let whole = load(&noisy).unwrap();
    let parted = load(&Config { val_fraction: 0.25, ..noisy }).unwrap();
    let val = parted.val.as_ref().unwrap();
    assert_eq!((parted.train.len(), val.len()), (750, 250));
    assert_eq!(parted.train.labels, whole.train.labels[..750]);
    assert_eq!(val.labels, whole.train.labels[750..]);
    assert_eq!(val.flipped, whole.train.flipped[750..]);
    assert_eq!(bytes(val), &bytes(&whole.train)[750 * 784..]);
    let moved = |split: &Split| split.flipped.iter().filter(|f| **f).count();
    assert_eq!(moved(&parted.train) + moved(val), 400);
    assert!((60..140).contains(&moved(val)), "{}", moved(val));
    // What is only validated on has no part in the scaling.
    assert_eq!(parted.scaling, Scaling::new(Normalize::Standard, &parted.train.inputs, parted.shape).unwrap());
    assert_ne!(parted.scaling, whole.scaling);
}

#[test]
fn noise_spares_the_test_labels_and_the_inputs() {
    let clean = load(&config("moons")).unwrap();
    let noisy = load(&Config { label_noise: 0.2, ..config("moons") }).unwrap();
    assert_eq!(noisy.test, clean.test);
    assert_eq!(noisy.train.inputs, clean.train.inputs);
    let differing = (0..200).filter(|i| noisy.train.labels[*i] != clean.train.labels[*i]).count();
    assert_eq!(differing, 40);
    // A run's own seed is not the data's.
    assert_eq!(load(&Config { label_noise: 0.2, seed: 9, ..config("moons") }).unwrap(), noisy);
    assert_ne!(load(&Config { label_noise: 0.2, data_seed: 9, ..config("moons") }).unwrap(), noisy);
}

#[test]
fn a_side_without_moved_labels_has_no_mask() {
    let set = load(&Config { label_noise: 0.01, data_size: 100, val_fraction: 0.5, ..config("moons") }).unwrap();
    let masks = [set.train.flipped, set.val.unwrap().flipped];
    assert_eq!(masks.iter().filter(|mask| mask.is_empty()).count(), 1);
    assert_eq!(masks.concat().iter().filter(|f| **f).count(), 1);
}

#[test]
fn bad_fractions_are_refused_before_any_file_is_read() {
    for fraction in [-0.1, 1.0, f32::NAN, f32::INFINITY] {
        let bad = Config { val_fraction: fraction, data_dir: "nowhere".into(), ..config("mnist") };
        assert!(refusal(&bad).contains("--val-fraction"));
    }
    for fraction in [-0.1, 1.1, f32::NAN] {
        let bad = Config { label_noise: fraction, data_dir: "nowhere".into(), ..config("mnist") };
        assert!(refusal(&bad).contains("--label-noise"));
    }
    for fraction in [0.001, 0.999] {
        let text = refusal(&Config { val_fraction: fraction, ..config("moons") });
        assert!(text.contains("200 training examples"), "{text}");
    }
}

#[test]
fn missing_files_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    for (name, folder, page) in [
        ("mnist", "mnist", "Yann LeCun"),
        ("fashion-mnist", "fashion-mnist", "zalandoresearch/fashion-mnist"),
        ("cifar10", "cifar-10-batches-bin", "Alex Krizhevsky"),
        ("cifar100", "cifar-100-binary", "Alex Krizhevsky"),
        ("svhn", "svhn", "Street View House Numbers"),
    ] {
        let text = refusal(&Config { data_dir: dir.path().into(), ..config(name) });
        let place = dir.path().join(folder).display().to_string();
        for part in [page, &place, "--data-dir", "--data fashion-sample"] {
            assert!(text.contains(part), "{part} is not in: {text}");
        }
    }
    assert!(refusal(&config("idx:no/such/folder")).contains("train-images-idx3-ubyte"));
    assert!(refusal(&config("mist")).contains("did you mean 'mnist'"));
}

#[test]
fn columns_are_left_as_they_are_and_images_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.csv");
    let rows: String = (0..20).map(|i| format!("{i},{},{}\n", 100 * i, i % 2)).collect();
    std::fs::write(&file, rows).unwrap();
    let set = load(&Config { val_fraction: 0.25, ..config(&format!("csv:{}", file.display())) }).unwrap();
    assert_eq!((set.train.len(), set.val.as_ref().map(Split::len), set.test.len()), (12, Some(4), 4));
    assert_eq!(set.scaling, Scaling { mean: vec![0.0; 2], std: vec![1.0; 2] });

    for (name, shade) in [("a/1", 10), ("a/2", 20), ("b/1", 30), ("b/2", 50)] {
        let image = image::GrayImage::from_pixel(4, 4, image::Luma([shade]));
        let path = dir.path().join(format!("set/{name}.png"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image.save(path).unwrap();
    }
    let set = load(&config(&format!("images:{}", dir.path().join("set").display()))).unwrap();
    assert_eq!((set.train.labels, set.test.labels), (vec![0, 1], vec![0, 1]));
    assert_eq!(set.scaling, Scaling { mean: vec![20.0], std: vec![10.0] });
}

#[test]
fn the_sample_is_an_idx_folder_too() {
    let folder = concat!("idx:", env!("CARGO_MANIFEST_DIR"), "/assets/fashion-sample");
    let (read, built_in) = (load(&config(folder)).unwrap(), load(&config("fashion-sample")).unwrap());
    assert_eq!((read.train, read.test, read.classes), (built_in.train, built_in.test, built_in.classes));
}

#[test]
fn halves_go_up_however_the_decimal_is_stored() {
    for (n, fraction, moved) in [(5, 0.7, 4), (50, 0.29, 15), (200, 0.2, 40), (3, 0.5, 2), (7, 1.0, 7), (9, 0.0, 0)] {
        assert_eq!(share(n, fraction), moved, "{fraction} of {n}");
    }
}

proptest! {
    #[test]
    fn shares_are_those_of_the_written_decimal(n in 0usize..100_000, thousandths in 0u32..=1_000) {
        let exact = (n * thousandths as usize * 2 + 1_000) / 2_000;
        prop_assert_eq!(share(n, thousandths as f32 / 1_000.0), exact);
    }
}

#[test]
fn a_thinned_set_is_spread_over_the_whole() {
    let noisy = Config { label_noise: 0.5, val_fraction: 0.1, ..config("moons") };
    let set = load(&noisy).unwrap();
    let thin = set.thinned(60, 5_000);
    assert_eq!((thin.train.len(), thin.test.len(), thin.val.is_none()), (60, 2_000, true));
    assert_eq!((&thin.test, &thin.scaling), (&set.test, &set.scaling));
    let values = |split: &Split, i: usize| match &split.inputs {
        Inputs::Floats(values) => values[2 * i..][..2].to_vec(),
        Inputs::Bytes(_) => panic!("points are floats"),
    };
    for i in 0..60 {
        let from = 3 * i;
        assert_eq!(values(&thin.train, i), values(&set.train, from));
        assert_eq!((thin.train.labels[i], thin.train.flipped[i]), (set.train.labels[from], set.train.flipped[from]));
    }
}
