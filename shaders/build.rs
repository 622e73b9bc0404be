//! Parses, validates and lints every kernel with naga and writes the tables that Rust uses.

#![allow(clippy::expect_used, clippy::panic, reason = "a build script reports by panicking")]

use naga::{AddressSpace, ImageClass, Module, ScalarKind, ShaderStage, StorageAccess, TypeInner, front::wgsl, valid};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path, path::PathBuf};

const FOLDERS: [&str; 6] = ["bench", "data", "layers", "optim", "probe", "view"];
/// Baseline limits of WebGPU. Native drivers do not enforce the first two, browsers do.
const STORAGE_BINDINGS: usize = 8;
const WORKGROUP_BYTES: u32 = 16 << 10;
const INVOCATIONS: u32 = 256;

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    let mut problems = Vec::new();
    let mut kernels = String::new();
    let mut names = Vec::new();
    let mut drawn = Vec::new();
    let mut structs = BTreeMap::new();
    println!("cargo::rerun-if-changed=shared");
    for folder in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        let mut files: Vec<_> =
            fs::read_dir(root.join(folder)).into_iter().flatten().flatten().map(|e| e.path()).collect();
        files.sort();
        for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "wgsl")) {
            let name = file.file_stem().expect("a file").to_string_lossy().into_owned();
            let source = stitch(&root, file, &mut Vec::new());
            match check(&source) {
                Err(problem) => problems.push(format!("{}: {problem}", file.display())),
                Ok(module) => {
                    let text = out.join(format!("{name}.wgsl"));
                    fs::write(&text, &source).expect("OUT_DIR is writable");
                    if is_render(&module) {
                        kernels.push_str(&render_table(&name, &module));
                        drawn.push(name.to_uppercase());
                    } else {
                        kernels.push_str(&table(&name, &module));
                        names.push(name.to_uppercase());
                    }
                    problems.extend(collect_structs(&module, &mut structs).map(|p| format!("{}: {p}", file.display())));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} kernels are wrong:\n{}", problems.len(), problems.join("\n"));
    assert!(!names.is_empty(), "no kernel found in {FOLDERS:?}");
    let list = |names: &[String]| names.iter().map(|n| format!("&{n}, ")).collect::<String>();
    let (names, drawn) = (list(&names), list(&drawn));
    let _ = write!(kernels, "/// Every kernel.\npub static KERNELS: &[&Kernel] = &[{names}];\n");
    let _ =
        write!(kernels, "/// Every shader that draws.\npub static RENDER_SHADERS: &[&RenderShader] = &[{drawn}];\n");
    let _ = write!(
        kernels,
        "/// The uniform structs of the kernels.\npub mod params {{\n{}}}\n",
        structs.into_values().collect::<String>()
    );
    fs::write(out.join("kernels.rs"), kernels.replace("@OUT@", &out.display().to_string()))
        .expect("OUT_DIR is writable");
}

/// The text of `file` with each `#import folder/name` line replaced by that file, once.
fn stitch(root: &Path, file: &Path, seen: &mut Vec<PathBuf>) -> String {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let mut out = String::new();
    for line in text.lines() {
        match line.strip_prefix("#import ") {
            Some(name) => {
                let path = root.join(format!("{}.wgsl", name.trim()));
                if !seen.contains(&path) {
                    seen.push(path.clone());
                    out.push_str(&stitch(root, &path, seen));
                }
            }
            None => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}

fn check(source: &str) -> Result<Module, String> {
    let module = wgsl::parse_str(source).map_err(|e| e.emit_to_string(source))?;
    // Kernels that use subgroups run only where the adapter has them; each has a sibling that does not.
    valid::Validator::new(valid::ValidationFlags::all(), valid::Capabilities::SUBGROUP)
        .subgroup_stages(valid::ShaderStages::COMPUTE)
        .subgroup_operations(valid::SubgroupOperationSet::all())
        .validate(&module)
        .map_err(|e| e.emit_to_string(source))?;
    lint(&module)?;
    Ok(module)
}

/// Whether a file draws, instead of computing.
fn is_render(module: &Module) -> bool {
    module.entry_points.iter().any(|entry| entry.stage != ShaderStage::Compute)
}

fn lint(module: &Module) -> Result<(), String> {
    match module.entry_points.as_slice() {
        [first, second] if is_render(module) => {
            let found = [(first.stage, first.name.as_str()), (second.stage, second.name.as_str())];
            if found != [(ShaderStage::Vertex, "vertex"), (ShaderStage::Fragment, "fragment")] {
                return Err("a shader that draws has the entry points `vertex` and `fragment`, in this order".into());
            }
            if module.global_variables.iter().any(
                |(_, v)| matches!(v.space, AddressSpace::Storage { access } if access.contains(StorageAccess::STORE)),
            ) {
                return Err("a shader that draws writes no buffer".into());
            }
        }
        [entry]
            if entry.name == "main"
                && entry.workgroup_size[1..] == [1, 1]
                && entry.workgroup_size[0] <= INVOCATIONS => {}
        _ => return Err(format!("the one entry point is `main` with a 1-D workgroup of at most {INVOCATIONS}")),
    }
    let storage =
        module.global_variables.iter().filter(|(_, v)| matches!(v.space, AddressSpace::Storage { .. })).count();
    if storage > STORAGE_BINDINGS {
        return Err(format!("{storage} storage bindings, WebGPU promises {STORAGE_BINDINGS}"));
    }
    let context = module.to_ctx();
    let workgroup: u32 = module
        .global_variables
        .iter()
        .filter(|(_, v)| v.space == AddressSpace::WorkGroup)
        .map(|(_, v)| module.types[v.ty].inner.size(context))
        .sum();
    if workgroup > WORKGROUP_BYTES {
        return Err(format!("{workgroup} bytes of workgroup memory, WebGPU promises {WORKGROUP_BYTES}"));
    }
    for (_, ty) in module.types.iter() {
        if matches!(ty.inner, TypeInner::Atomic(scalar) if scalar.kind == ScalarKind::Float) {
            return Err("float atomics depend on scheduling; reduce by a fixed tree".into());
        }
        if matches!(ty.inner, TypeInner::Image { class: ImageClass::Storage { .. }, .. }) {
            return Err("kernels compute on buffers".into());
        }
    }
    for (index, binding) in bindings(module).iter().enumerate() {
        if binding.0 != index as u32 {
            return Err(format!("binding {} should be {index}: they count from 0 without a gap", binding.0));
        }
    }
    Ok(())
}

/// (index, name, access) of group 0, in order.
fn bindings(module: &Module) -> Vec<(u32, String, &'static str)> {
    let mut found: Vec<_> = module
        .global_variables
        .iter()
        .filter_map(|(_, v)| {
            let binding = v.binding.as_ref()?;
            let access = match v.space {
                AddressSpace::Uniform => "Uniform",
                AddressSpace::Storage { access } if access.contains(StorageAccess::STORE) => "ReadWrite",
                _ => "Read",
            };
            Some((binding.binding, v.name.clone().unwrap_or_default(), access))
        })
        .collect();
    found.sort();
    found
}

fn binding_list(module: &Module) -> String {
    let each =
        |(_, name, access): &(u32, String, &str)| format!("Binding {{ name: {name:?}, access: Access::{access} }}, ");
    bindings(module).iter().map(each).collect()
}

fn render_table(name: &str, module: &Module) -> String {
    let (constant, list) = (name.to_uppercase(), binding_list(module));
    format!(
        "pub static {constant}: RenderShader = RenderShader {{ name: {name:?}, source: include_str!(\"@OUT@/{name}.wgsl\"), bindings: &[{list}] }};\n"
    )
}

fn table(name: &str, module: &Module) -> String {
    let list = binding_list(module);
    let overrides: String =
        module.overrides.iter().filter_map(|(_, o)| o.name.as_ref()).map(|n| format!("{n:?}, ")).collect();
    format!(
        "pub static {}: Kernel = Kernel {{ name: {name:?}, source: include_str!(\"@OUT@/{name}.wgsl\"), workgroup_size: {}, bindings: &[{list}], overrides: &[{overrides}] }};\n",
        name.to_uppercase(),
        module.entry_points[0].workgroup_size[0],
    )
}

/// Writes each struct of scalars that lies in a uniform buffer as Rust, offsets asserted.
fn collect_structs<'a>(
    module: &'a Module,
    structs: &mut BTreeMap<String, String>,
) -> impl Iterator<Item = String> + 'a + use<'a> {
    let mut problems = Vec::new();
    for (_, variable) in module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::Uniform) {
        let ty = &module.types[variable.ty];
        let (Some(name), TypeInner::Struct { members, span }) = (&ty.name, &ty.inner) else { continue };
        let mut fields = String::new();
        let mut asserts = String::new();
        let mut scalars_only = true;
        for member in members {
            let field = member.name.clone().unwrap_or_default();
            let kind = match module.types[member.ty].inner {
                TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Uint => "u32",
                TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Float => "f32",
                _ => {
                    scalars_only = false;
                    continue;
                }
            };
            let _ = writeln!(fields, "pub {field}: {kind},");
            let _ = writeln!(
                asserts,
                "const _: () = assert!(core::mem::offset_of!({name}, {field}) == {});",
                member.offset
            );
        }
        if !scalars_only {
            continue;
        }
        let text = format!(
            "#[repr(C)]\n#[derive(Clone, Copy, Debug, Default, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]\npub struct {name} {{\n{fields}}}\n{asserts}const _: () = assert!(core::mem::size_of::<{name}>() == {span});\n"
        );
        match structs.insert(name.clone(), text.clone()) {
            Some(other) if other != text => {
                problems.push(format!("uniform struct {name} has another layout in another kernel"))
            }
            _ => {}
        }
    }
    problems.into_iter()
}
