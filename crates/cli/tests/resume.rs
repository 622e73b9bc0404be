//! Runs that were killed, stopped or left without room go on to the bits of runs that were not.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{assert_same_run, command, finish, has_adapter, ok};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Starts the run, or goes on with it where its folder is there.
fn spawn(dir: &Path, args: &[&str], out: &str) -> Child {
    let mut command = match dir.join(out).join("config.json").exists() {
        true => command(dir, &[args[0], "--resume", out, "--quiet"]),
        false => command(dir, &[args, &["--out", out, "--quiet"]].concat()),
    };
    command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Kills the run at `kills` moments spread over its time, goes on to the end, and compares it with one left alone.
fn killed_run_is_the_same(args: &[&str], kills: u32) {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    ok(dir, &[args, &["--out", "whole", "--quiet"]].concat());
    let start = Instant::now();
    let child = spawn(dir, args, "timed");
    assert!(child.wait_with_output().unwrap().status.success());
    let whole_time = start.elapsed();

    // The moments differ from run to run as the clock does; they are told where the comparison fails.
    let mut moments = Vec::new();
    let mut noise = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    for _ in 0..kills {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let wait = whole_time.mul_f64(0.15 + 0.75 * f64::from(noise >> 8) / f64::from(1 << 24));
        let mut child = spawn(dir, args, "killed");
        std::thread::sleep(wait);
        let finished = child.try_wait().unwrap().is_some();
        moments.push((wait, finished));
        child.kill().unwrap();
        child.wait().unwrap();
        if finished {
            break;
        }
    }
    println!("killed at {moments:?} of {whole_time:?}");
    let last = spawn(dir, args, "killed").wait_with_output().unwrap();
    assert!(last.status.success(), "{moments:?}: {}", String::from_utf8_lossy(&last.stderr));
    assert_same_run(&dir.join("whole"), &dir.join("killed"));
    assert_same_run(&dir.join("whole"), &dir.join("timed"));
    // Going on with a run that is complete changes nothing.
    ok(dir, &[args[0], "--resume", "killed"]);
    assert_same_run(&dir.join("whole"), &dir.join("killed"));
}

#[test]
fn a_run_of_several_parts_survives_kills() {
    let lanes = ["--optimizer", "sgd,sam,adamw", "--equal-compute", "--seeds", "2", "--label-noise", "0.2"];
    let run = ["compare", "--steps", "300", "--model", "mlp:8", "--checkpoint-every", "15", "--eval-every", "40"];
    killed_run_is_the_same(&[&run[..], &lanes].concat(), 6);
}

#[test]
fn a_run_with_batch_norm_survives_kills() {
    let data = ["--data", "fashion-sample", "--train-limit", "96", "--test-limit", "64", "--batch", "16"];
    let run = ["train", "--optimizer", "sam", "--model", "cnn:4,8", "--steps", "60", "--checkpoint-every", "4"];
    killed_run_is_the_same(
        &[&run[..], &data, &["--eval-every", "9", "--keep-every", "6", "--schedule", "cosine", "--warmup", "5"]]
            .concat(),
        4,
    );
}

/// Waits until the run has written some rows.
fn wait_for_rows(child: &mut Child, table: &Path) {
    let start = Instant::now();
    while std::fs::metadata(table).map_or(0, |m| m.len()) < 200 {
        assert!(start.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupt_saves_and_tells_how_to_go_on() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // No checkpoint comes by itself before the end.
    let args =
        ["compare", "--steps", "4000", "--model", "mlp:8", "--checkpoint-every", "100000", "--eval-every", "700"];
    for signal in ["INT", "TERM"] {
        let out = format!("stopped by {signal}");
        let mut child = spawn(dir, &args, &out);
        wait_for_rows(&mut child, &dir.join(&out).join("metrics.csv"));
        assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains(&format!("lowland compare --resume '{out}'")), "{stderr}");
        assert!(stderr.contains("of 4000 steps are saved"), "{stderr}");
        assert!(!dir.join(&out).join("final-sam-0.safetensors").exists());
        ok(dir, &["compare", "--resume", &out, "--quiet"]);
    }
    ok(dir, &[&args[..], &["--out", "whole"]].concat());
    assert_same_run(&dir.join("whole"), &dir.join("stopped by INT"));
    assert_same_run(&dir.join("whole"), &dir.join("stopped by TERM"));
}

/// The program with room for files of `blocks` times 512 bytes: what a full disk comes to.
fn cramped(dir: &Path, blocks: u32, args: &[&str]) -> Command {
    let program = command(dir, args);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    shell.arg(program.get_program()).args(program.get_args()).current_dir(dir);
    shell.envs(program.get_envs().filter_map(|(key, value)| Some((key, value?))));
    shell.env("MESA_SHADER_CACHE_DISABLE", "true");
    shell
}

#[test]
fn a_run_without_room_goes_on_when_there_is_some() {
    if !has_adapter() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let args = ["train", "--steps", "900", "--model", "mlp:8", "--checkpoint-every", "100", "--quiet", "--out"];
    ok(dir, &[&args[..], &["whole"]].concat());
    let length = std::fs::metadata(dir.join("whole/metrics.csv")).unwrap().len();
    let room = u32::try_from(length * 2 / 3 / 512).unwrap();
    let ran = finish(cramped(dir, room, &[&args[..], &["tight"]].concat()));
    if ran.code == Some(2) {
        eprintln!("SKIPPED: the driver itself needs larger files than the limit: {}", ran.stderr);
        return;
    }
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stdout.is_empty() && !ran.stderr.contains("panicked"), "{}", ran.stderr);
    for words in ["tight/metrics.csv", "Make room", "lowland train --resume tight", "of 900 steps are saved"] {
        assert!(ran.stderr.contains(words), "no '{words}' in: {}", ran.stderr);
    }
    // No half rows, no files that were begun.
    let table = std::fs::read_to_string(dir.join("tight/metrics.csv")).unwrap();
    assert!(table.ends_with('\n'));
    assert!(common::files(&dir.join("tight")).keys().all(|name| !name.ends_with(".part")));
    // Still no room: the same again.
    assert_eq!(finish(cramped(dir, room, &["train", "--resume", "tight"])).code, Some(1));
    ok(dir, &["train", "--resume", "tight"]);
    assert_same_run(&dir.join("whole"), &dir.join("tight"));
}
