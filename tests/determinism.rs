//! The same bits again: whatever trains beside a lane, however the steps are cut into chunks, after a resumption, and
//! where SAM has nothing to do. Nothing here has a tolerance.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lowland::gpu::{Family, Gpu};
use lowland::train::{Part, Setup, Snapshot, Trouble};
use lowland_tests::training::{Job, LONG, SHORT, bits, same_bits};
use lowland_tests::{FAMILIES, any_gpu, gpu};
use serde_json::{Value, json};
use std::time::Duration;

/// Settings with some replaced.
fn with(settings: &Value, changes: Value) -> Value {
    let mut settings = settings.clone();
    let (Value::Object(all), Value::Object(changes)) = (&mut settings, changes) else { unreachable!() };
    all.extend(changes);
    settings
}

fn mlp() -> Value {
    json!({
        "data": "moons", "label_noise": 0.2, "test_limit": 300, "model": "mlp:16,9", "activation": "leaky-relu",
        "steps": 30, "eval_every": 10, "checkpoint_every": 7, "lr": 0.05,
    })
}

fn cnn() -> Value {
    json!({
        "data": "fashion-sample", "train_limit": 90, "test_limit": 50, "model": "cnn:5,6", "batch": 16, "steps": 9,
        "eval_every": 4, "checkpoint_every": 4, "lr": 0.05, "weight_decay": 5e-4,
    })
}

const SGD: &str = "sgd: optimizer=sgd";
const SAM: &str = "sam: optimizer=sam rho=0.1";
const WIDE: &str = "wide: optimizer=sam rho=0.7 schedule=cosine";
const ADAMW: &str = "adamw: optimizer=adamw lr=0.01";
const SAM_ADAMW: &str = "sam-adamw: optimizer=sam base=adamw rho=0.1 lr=0.01";
const FULL: &str = "full: optimizer=sam rho=0.1 second_order=true";
const FULL_ADAMW: &str = "full-adamw: optimizer=sam base=adamw rho=0.1 lr=0.01 second_order=true";
const ASAM: &str = "asam: optimizer=asam base=rmsprop lr=0.002 ascent_steps=2";
const CLIPPED: &str = "clipped: optimizer=sam rho=0.3 p=3 clip_norm=0.5 schedule=step:0.5,1";
/// Diverges; with SAM, w + e is no number from the gradient's norm on.
const WILD: &str = "wild: optimizer=sgd lr=1e6";
const WILD_SAM: &str = "wild-sam: optimizer=sam rho=0.1 lr=1e6";

/// Trains all lanes, all of them again, and some of them alone.
fn alone_and_beside_others(gpu: &Gpu, title: &str, job: &Job, alone: &[usize]) -> Vec<(usize, u64, Trouble)> {
    let together = job.run(gpu);
    let again = job.run(gpu);
    for (index, lane) in job.setup.lanes.iter().enumerate() {
        let what = format!("{title}: lane {} seed {}", lane.label, lane.seed);
        same_bits(&format!("{what}, again"), &again.bits(index, 0), &together.bits(index, 0));
        if alone.contains(&index) {
            let alone = job.run_as(gpu, job.only(&[index]), None, LONG);
            same_bits(&format!("{what}, alone"), &alone.bits(0, 0), &together.bits(index, 0));
        }
    }
    let ends: Vec<_> = together.end().lanes.iter().map(|state| &state.weights).collect();
    for (index, end) in ends.iter().enumerate() {
        // Those that diverged are no numbers, and so equal to none.
        assert!(!ends[..index].contains(end), "{title}: lane {index} is another's copy");
    }
    together.troubles
}

#[test]
fn a_lane_has_the_same_bits_alone_and_beside_others() {
    for family in FAMILIES {
        let Some(gpu) = gpu(family) else { return };
        let job = Job::new(&with(
            &mlp(),
            json!({"lane": [SGD, WILD, SAM, WIDE, ADAMW, SAM_ADAMW, WILD_SAM, ASAM, CLIPPED, FULL], "seeds": 2}),
        ));
        let all: Vec<usize> = (0..job.setup.lanes.len()).collect();
        let troubles = alone_and_beside_others(gpu, &format!("mlp on {family:?}"), &job, &all);
        // Lanes 2, 3, 12 and 13 are the wild ones, and the only ones.
        let mut lanes: Vec<usize> = troubles.iter().map(|(lane, ..)| *lane).collect();
        lanes.sort_unstable();
        assert_eq!(lanes, [2, 3, 12, 13], "{troubles:?}");
        assert!(troubles.iter().all(|(_, step, trouble)| *trouble == Trouble::Diverged && *step < 30), "{troubles:?}");

        // On a software adapter the other family's convolutions are some thirty times as slow; `parity.rs` compares the
        // lanes of a small CNN in both.
        if family != Family::Shared {
            let job = Job::new(&with(&cnn(), json!({"lane": [SGD, SAM, WILD, SAM_ADAMW, FULL], "seeds": 2})));
            alone_and_beside_others(gpu, "cnn", &job, &[1, 2, 7, 9]);
        }
    }
}

#[test]
fn neither_chunks_nor_quiet_steps_nor_a_resumption_change_bits() {
    let Some(gpu) = any_gpu() else { return };
    let lanes = json!({"lane": [SGD, SAM, FULL, FULL_ADAMW]});
    // Groups of 5 and of 4 examples, and every form of the ascent among the lanes.
    let forms = json!({"lane": [FULL, SAM, ASAM, CLIPPED]});
    let (groups_of_5, groups_of_4) = (with(&forms, json!({"m": 5})), with(&forms, json!({"m": 4})));
    for (settings, changes) in [(mlp(), lanes.clone()), (cnn(), lanes), (mlp(), groups_of_5), (cnn(), groups_of_4)] {
        let job = Job::new(&with(&settings, changes));
        let model = job.model.name().to_owned();
        let whole = job.run(gpu);
        let of = |setup: Setup, start: Option<&Snapshot>, budget| job.run_as(gpu, setup, start, budget);
        for budget in [SHORT, Duration::from_millis(3)] {
            let story = of(job.setup.clone(), None, budget);
            for lane in 0..4 {
                let what = format!("{model}: lane {lane} in chunks of {budget:?}");
                same_bits(&what, &story.bits(lane, 0), &whole.bits(lane, 0));
                assert_eq!(story.checkpoints, whole.checkpoints, "{what}: checkpoints");
            }
        }
        let quiet = of(Setup { log_every: 4, ..job.setup.clone() }, None, LONG);
        for lane in 0..4 {
            let loud: Vec<_> = whole.steps_of(lane).into_iter().filter(|step| step.step % 4 == 0).collect();
            assert_eq!(quiet.steps_of(lane), loud, "{model}: logged steps of lane {lane}");
        }
        assert_eq!(quiet.end(), whole.end(), "{model}: every fourth step logged");

        assert!(whole.checkpoints.len() > 2);
        for checkpoint in &whole.checkpoints[..whole.checkpoints.len() - 1] {
            assert!(checkpoint.step > 0 && checkpoint.step < job.setup.steps);
            let story = of(job.setup.clone(), Some(checkpoint), LONG);
            for lane in 0..4 {
                let what = format!("{model}: lane {lane} resumed at step {}", checkpoint.step);
                same_bits(&what, &story.bits(lane, checkpoint.step), &whole.bits(lane, checkpoint.step));
            }
        }
    }
}

/// A network with everything that is drawn anew in each step, on images that are.
fn drawn() -> Value {
    let layers = json!([
        {"type": "conv", "outputs": 6, "kernel": 5, "stride": 2, "padding": 2},
        {"type": "group_norm", "groups": 2},
        {"type": "activation"},
        {"type": "dropout", "p": 0.3},
        {"type": "avg_pool", "kernel": 2},
        {"type": "flatten"},
        {"type": "dropout", "p": 0.5},
        {"type": "dense", "outputs": "classes"},
    ]);
    with(&cnn(), json!({"model": {"layers": layers}, "augment": "flip,crop:3,cutout:8"}))
}

#[test]
fn masks_and_augmentation_follow_from_seed_and_step() {
    let Some(gpu) = any_gpu() else { return };
    let job = Job::new(&with(&drawn(), json!({"lane": [SGD, SAM, SAM_ADAMW], "seeds": 2})));
    alone_and_beside_others(gpu, "dropout and augmentation", &job, &[1, 4]);
    let whole = job.run(gpu);
    let short = job.run_as(gpu, job.setup.clone(), None, SHORT);
    for lane in 0..6 {
        same_bits("in short chunks", &short.bits(lane, 0), &whole.bits(lane, 0));
    }
    for checkpoint in &whole.checkpoints[..whole.checkpoints.len() - 1] {
        let story = job.run_as(gpu, job.setup.clone(), Some(checkpoint), LONG);
        for lane in 0..6 {
            let what = format!("lane {lane} resumed at step {}", checkpoint.step);
            same_bits(&what, &story.bits(lane, checkpoint.step), &whole.bits(lane, checkpoint.step));
        }
    }
}

/// Without batch norm, the mean over groups is that of the whole batch but for rounding, unless a group has masks or images
/// of its own.
#[test]
fn a_group_has_its_part_of_the_whole_batch_s_draws() {
    let Some(gpu) = any_gpu() else { return };
    let settings = with(&drawn(), json!({"lane": [SGD, SAM], "steps": 3}));
    let whole = Job::new(&settings).run(gpu);
    let groups = Job::new(&with(&settings, json!({"m": 4}))).run(gpu);
    let near = |a: f32, b: f32| (a - b).abs() < 1e-4 * (1.0 + b.abs());
    for (own, wanted) in groups.steps_of(0).iter().zip(whole.steps_of(0)) {
        assert!(near(own.loss, wanted.loss) && near(own.grad_norm, wanted.grad_norm), "{own:?} {wanted:?}");
    }
    let [own, wanted] = [&groups, &whole].map(|story| story.steps_of(1)[0]);
    assert!(near(own.loss, wanted.loss) && own.sam_loss != wanted.sam_loss, "{own:?} {wanted:?}");
}

/// With a tiny rho the second pass has the loss of the first, unless it sees another mask or other images. At lr 0 two
/// steps on the same examples differ by their draws alone, and evaluations not at all.
#[test]
fn both_passes_have_one_draw_and_each_step_its_own() {
    let Some(gpu) = any_gpu() else { return };
    let plain = json!({
        "lane": ["tiny: optimizer=sam rho=1e-6 lr=0"], "order": "file", "train_limit": 16, "steps": 6, "eval_every": 2,
    });
    for (augment, p) in [("none", 0.5), ("flip,crop:3,cutout:8", 0.0)] {
        let mut settings = with(&drawn(), plain.clone());
        settings["augment"] = augment.into();
        settings["model"]["layers"][3]["p"] = p.into();
        settings["model"]["layers"][6]["p"] = p.into();
        let story = Job::new(&settings).run(gpu);
        let steps = story.steps_of(0);
        for (index, step) in steps.iter().enumerate() {
            assert!((step.sam_loss.unwrap() - step.loss).abs() < 1e-4, "{augment}, dropout {p}: {step:?}");
            let differs = |other: &&lowland::train::StepMetrics| (other.loss - step.loss).abs() > 1e-3;
            assert_eq!(steps[..index].iter().filter(differs).count(), index, "{augment}, dropout {p}: {steps:?}");
        }
        let losses = story.evaluations.iter().filter(|e| e.part == Part::Train).map(|e| e.loss.to_bits());
        let losses: Vec<_> = losses.collect();
        assert!(
            losses.len() > 2 && losses.iter().all(|loss| *loss == losses[0]),
            "evaluations draw nothing: {losses:?}"
        );
    }
}

#[test]
fn rho_0_is_the_base_optimizer() {
    let Some(gpu) = any_gpu() else { return };
    let lanes = [
        SGD,
        "sgd-0: optimizer=sam rho=0 second_order=true",
        ADAMW,
        "adamw-0: optimizer=sam base=adamw rho=0 lr=0.01",
        "nesterov: optimizer=sgd nesterov=true weight_decay=0.01 schedule=cosine warmup=3",
        "nesterov-0: optimizer=sam rho=0 nesterov=true weight_decay=0.01 schedule=cosine warmup=3",
        SAM,
    ];
    for settings in [mlp(), cnn(), with(&mlp(), json!({"m": 4})), with(&cnn(), json!({"m": 8}))] {
        let job = Job::new(&with(&settings, json!({"lane": lanes})));
        let story = job.run(gpu);
        for base in [0, 2, 4] {
            let what = format!("{}: {}", job.model.name(), lanes[base + 1]);
            same_bits(&what, &story.bits(base + 1, 0), &story.bits(base, 0));
            assert!(story.steps_of(base + 1).iter().all(|step| step.sam_loss.is_none()), "{what}");
        }
        // Without a lane that climbs, the plan has no second pass at all.
        let flat = job.run_as(gpu, job.only(&[0, 1]), None, LONG);
        same_bits("without a climber", &flat.bits(1, 0), &story.bits(0, 0));
        assert_ne!(story.bits(6, 0), story.bits(0, 0), "SAM itself is another optimizer");
    }
}

/// A group as large as the batch is the batch, and one group of two is not.
#[test]
fn m_of_the_whole_batch_is_plain_sam() {
    let Some(gpu) = any_gpu() else { return };
    let job = |m: Value| Job::new(&with(&mlp(), json!({"lane": [SAM, CLIPPED], "m": m})));
    let [plain, whole, halves] = [json!(null), json!(20), json!(10)].map(|m| job(m).run(gpu));
    for lane in 0..2 {
        same_bits("m = batch", &whole.bits(lane, 0), &plain.bits(lane, 0));
        assert_ne!(halves.bits(lane, 0), plain.bits(lane, 0), "groups climb by themselves");
    }
}

/// At lr 0 the weights stay what they were, bit for bit, however far e leads: what is kept, measured and saved is w and
/// never w + e. The running statistics are those of the first pass alone: SGD's.
#[test]
fn nothing_of_the_ascent_is_kept() {
    let Some(gpu) = any_gpu() else { return };
    for settings in [mlp(), cnn()] {
        let lanes = [
            "sgd: optimizer=sgd lr=0",
            "sam: optimizer=sam rho=0.7 lr=0",
            "sam-adamw: optimizer=sam base=adamw rho=0.7 lr=0 p=4 ascent_steps=2",
        ];
        let changes = json!({"lane": lanes, "checkpoint_every": 1, "label_noise": 0.0});
        let job = Job::new(&with(&settings, changes));
        let start = pollster::block_on(job.trainer(gpu, job.setup.clone(), None).snapshot(gpu)).unwrap();
        let story = job.run(gpu);
        assert_eq!(story.checkpoints.len() as u64, job.setup.steps);
        for checkpoint in &story.checkpoints {
            for (lane, state) in checkpoint.lanes.iter().enumerate() {
                let at = format!("{}: lane {lane} after {} steps", job.model.name(), checkpoint.step);
                assert_eq!(bits(&state.weights), bits(&start.lanes[lane].weights), "{at}: weights");
                assert_eq!(bits(&state.running), bits(&checkpoint.lanes[0].running), "{at}: running statistics");
            }
        }
        let moved = story.end().lanes[0].running != start.lanes[0].running;
        assert_eq!(moved, !job.model.running().is_empty(), "running statistics move where there are any");
        for lane in [1, 2] {
            for (own, sgd) in story.steps_of(lane).iter().zip(story.steps_of(0)) {
                assert_eq!((own.loss, own.accuracy, own.grad_norm), (sgd.loss, sgd.accuracy, sgd.grad_norm));
                assert!((own.sam_loss.unwrap() - own.loss).abs() > 0.01, "the ascent leads somewhere: {own:?}");
            }
            for part in [Part::Train, Part::Test] {
                let (own, sgd) = (story.last_on(part, lane), story.last_on(part, 0));
                assert_eq!((own.loss, own.accuracy), (sgd.loss, sgd.accuracy), "measured at w");
            }
        }
    }
}

/// With all labels 0 and class 0 ahead by 200, exp underflows: the gradient is exactly 0, and there is no direction.
#[test]
fn a_gradient_of_0_has_no_ascent() {
    let Some(gpu) = any_gpu() else { return };
    let mut job = Job::new(&with(&mlp(), json!({"lane": [SAM, SAM_ADAMW, SGD]})));
    job.data.train.labels.fill(0);
    job.data.train.flipped = Vec::new();
    let mut start = pollster::block_on(job.trainer(gpu, job.setup.clone(), None).snapshot(gpu)).unwrap();
    let bias = job.model.parameters().last().unwrap();
    for state in &mut start.lanes {
        bias.pack(&[200.0, 0.0], &mut state.weights);
    }
    let story = job.run_as(gpu, job.setup.clone(), Some(&start), LONG);
    assert_eq!(story.steps.len(), 3 * 30);
    for step in &story.steps {
        assert_eq!((step.loss, step.accuracy, step.grad_norm), (0.0, 1.0, 0.0), "{step:?}");
        assert_eq!(step.sam_loss, (step.lane < 2).then_some(0.0), "{step:?}");
    }
    for (lane, state) in story.end().lanes.iter().enumerate() {
        assert_eq!(bits(&state.weights), bits(&start.lanes[lane].weights), "lane {lane}");
        assert!(state.moments.iter().flatten().all(|moment| *moment == 0.0), "lane {lane}");
    }
    assert_eq!(story.troubles, []);
}

/// A large rho kills the ReLUs: what is left is the head's bias, and it says the same of every input.
#[test]
fn a_collapsed_lane_is_named_and_its_neighbour_goes_on() {
    let Some(gpu) = any_gpu() else { return };
    let settings = json!({
        "data": "fashion-sample", "test_limit": 200, "model": "mlp:16,16", "batch": 50, "steps": 150, "eval_every": 50,
        "lane": ["sgd: optimizer=sgd lr=0.05", "large: optimizer=sam rho=1 lr=0.1"],
    });
    let job = Job::new(&settings);
    let story = job.run(gpu);
    let troubles: Vec<_> = story.troubles.iter().map(|(lane, _, trouble)| (*lane, *trouble)).collect();
    assert_eq!(troubles, [(1, Trouble::Collapsed)]);
    let [fine, collapsed] = [0, 1].map(|lane| story.last_on(Part::Test, lane));
    assert!((collapsed.loss - 10f32.ln()).abs() < 0.01 && fine.accuracy > 0.6, "{collapsed:?} {fine:?}");
    let alone = job.run_as(gpu, job.only(&[0]), None, LONG);
    same_bits("beside a collapsed lane", &story.bits(0, 0), &alone.bits(0, 0));
}
