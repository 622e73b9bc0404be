//! The page as one folder that any static host can serve.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use wasm_bindgen_cli_support::Bindgen;

use crate::shell::{command, root, run, say, target_dir};
use crate::{node, wasm};

/// The whole site, gzipped, without data, stays below this many bytes.
const MOST_GZIPPED: u64 = 2_500_000;

/// The page's own files, copied as they are.
const PAGE: &str = "web/page";

/// The images that ship with the project, which the page loads beside its module.
const SAMPLE: &str = "crates/core/assets/fashion-sample";
const SAMPLE_FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// Files of these kinds are data: they do not count for the size of the site.
const DATA: [&str; 2] = [".json", ".bin"];

/// What the optimiser may use: what wasm-bindgen and browsers of 2023 know. `--all-features` writes modules that Chromium refuses.
const WASM_OPT: &[&str] = &[
    "-Oz",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];

/// Where the site goes unless told otherwise.
pub fn default_folder() -> PathBuf {
    target_dir().join("site")
}

/// Builds the page into `out`, prints what each file weighs, and fails where the site has grown too large.
pub fn build(out: &Path) -> Result<()> {
    node::ensure()?;
    say("building the page (minutes the first time)");
    let module = wasm::build("lowland-web", "web")?;
    std::fs::create_dir_all(out).with_context(|| format!("could not make {}", out.display()))?;
    bind(&module, out)?;
    optimise(&out.join("lowland_bg.wasm"))?;
    copy_folder(&root().join(PAGE), out)?;
    write(&out.join("fashion-sample.bin"), &sample()?)?;
    report(out)
}

/// Writes `lowland.js` and `lowland_bg.wasm`.
fn bind(module: &Path, out: &Path) -> Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(module).out_name("lowland").typescript(false).remove_name_section(true);
    bindgen.remove_producers_section(true).web(true)?;
    bindgen.generate(out).with_context(|| format!("wasm-bindgen refused {}", module.display()))
}

/// Shrinks the module in place. What was shrunk before is kept beside its source, since this takes a minute.
fn optimise(module: &Path) -> Result<()> {
    let cache = target_dir().join("wasm-opt");
    std::fs::create_dir_all(&cache).with_context(|| format!("could not make {}", cache.display()))?;
    let (source, small) = (cache.join("source.wasm"), cache.join("small.wasm"));
    let bytes = read(module)?;
    let known = small.is_file() && std::fs::read(&source).is_ok_and(|last| last == bytes);
    if !known {
        say("wasm-opt (a minute)");
        let tool = node::folder().join("node_modules/binaryen/bin/wasm-opt");
        let mut wasm_opt = command("node");
        wasm_opt.arg(tool).arg(module).args(WASM_OPT).arg("-o").arg(&small);
        ensure!(run(&mut wasm_opt)?, "wasm-opt failed: see above");
        write(&source, &bytes)?;
    }
    write(module, &read(&small)?)
}

/// The sample as one file: for each of its files the length (u32, little-endian) and the bytes.
fn sample() -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for name in SAMPLE_FILES {
        let bytes = read(&root().join(SAMPLE).join(name))?;
        all.extend(u32::try_from(bytes.len())?.to_le_bytes());
        all.extend(bytes);
    }
    Ok(all)
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for file in files(from)? {
        let target = to.join(file.strip_prefix(from).unwrap_or(&file));
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
        }
        write(&target, &read(&file)?)?;
    }
    Ok(())
}

fn report(out: &Path) -> Result<()> {
    println!("{:>12} {:>12}", "bytes", "gzipped");
    let (mut all, mut all_gzipped) = (0, 0);
    for file in files(out)? {
        let name = file.strip_prefix(out).unwrap_or(&file).display().to_string();
        let bytes = read(&file)?;
        let gzipped = gzipped_size(&bytes)?;
        println!("{:>12} {:>12}  {name}", bytes.len(), gzipped);
        if !DATA.iter().any(|kind| name.ends_with(kind)) {
            (all, all_gzipped) = (all + bytes.len() as u64, all_gzipped + gzipped);
        }
    }
    println!("{all:>12} {all_gzipped:>12}  without data");
    ensure!(
        all_gzipped <= MOST_GZIPPED,
        "the site has {all_gzipped} bytes gzipped, more than {MOST_GZIPPED}: `cargo bloat` or `twiggy` tell what grew"
    );
    say(&format!("the page lies in {}", out.display()));
    Ok(())
}

fn gzipped_size(bytes: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len() as u64)
}

/// The files below `folder`, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    let entries = std::fs::read_dir(folder).with_context(|| format!("could not read {}", folder.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("could not read {}", folder.display()))?.path();
        if path.is_dir() { all.extend(files(&path)?) } else { all.push(path) }
    }
    all.sort();
    Ok(all)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("could not read {}", file.display()))
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    std::fs::write(file, bytes).with_context(|| format!("could not write {}", file.display()))
}
