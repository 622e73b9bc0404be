//! Every kernel in the languages that we cannot run everywhere, and within what WebGPU promises, read apart from the build
//! script.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

use lowland_shaders::{KERNELS, Kernel, RENDER_SHADERS};
use naga::back::{hlsl, msl, pipeline_constants, spv};
use naga::valid::{Capabilities, ModuleInfo, ShaderStages, SubgroupOperationSet, ValidationFlags, Validator};
use naga::{AddressSpace, Module};

fn parse(kernel: &Kernel) -> Result<(Module, ModuleInfo), String> {
    validate(kernel.name, kernel.source)
}

fn validate(name: &str, source: &str) -> Result<(Module, ModuleInfo), String> {
    let module = naga::front::wgsl::parse_str(source).map_err(|e| e.emit_to_string(source))?;
    let mut validator = if name.ends_with("_subgroup") {
        let mut validator = Validator::new(ValidationFlags::all(), Capabilities::SUBGROUP);
        validator.subgroup_stages(ShaderStages::COMPUTE).subgroup_operations(SubgroupOperationSet::BALLOT);
        validator
    } else {
        Validator::new(ValidationFlags::all(), Capabilities::empty())
    };
    let info = validator.validate(&module).map_err(|e| e.emit_to_string(source))?;
    Ok((module, info))
}

/// Overrides that are numbers, and their values.
const NUMBERS: [(&str, &[f64]); 5] = [
    ("KERNEL", &[1.0, 2.0, 3.0]),
    ("KERNEL_WIDTH", &[1.0, 2.0, 3.0]),
    ("LANES", &[1.0, 2.0, 64.0]),
    ("STRIDE", &[1.0, 2.0, 3.0]),
    ("WIDE", &[1.0, 2.0, 4.0]),
];

/// Values for the overrides: the defaults, every flag on with each activation, one flag at a time, and one number.
fn combinations(kernel: &Kernel) -> Vec<Vec<(&'static str, f64)>> {
    let number = |name: &str| name == "ACTIVATION" || NUMBERS.iter().any(|(own, _)| *own == name);
    let flags: Vec<_> = kernel.overrides.iter().copied().filter(|name| !number(name)).collect();
    let mut all = vec![Vec::new()];
    for value in [0.0, 1.0] {
        all.push(flags.iter().map(|flag| (*flag, value)).collect());
    }
    for on in &flags {
        all.push(flags.iter().map(|flag| (*flag, f64::from(u8::from(flag == on)))).collect());
    }
    if kernel.overrides.contains(&"ACTIVATION") {
        for code in 0..=5 {
            let with_code = |list: &Vec<(&'static str, f64)>| {
                list.iter().copied().chain([("ACTIVATION", f64::from(code))]).collect::<Vec<_>>()
            };
            all.push(with_code(&all[2]));
        }
    }
    for (name, values) in NUMBERS {
        if let Some(name) = kernel.overrides.iter().find(|own| **own == name) {
            all.extend(values.iter().map(|value| vec![(*name, *value)]));
        }
    }
    all
}

/// What an entry point is called in Metal's language and in DirectX's, by its stage and name.
const STAGES: [(naga::ShaderStage, &str, &str, &str); 3] = [
    (naga::ShaderStage::Compute, "main", "kernel void", "[numthreads("),
    (naga::ShaderStage::Vertex, "vertex", "vertex ", "SV_Position"),
    (naga::ShaderStage::Fragment, "fragment", "fragment ", "SV_Target"),
];

/// Translates one variant of an entry point to all three languages.
fn translate(
    module: &Module,
    info: &ModuleInfo,
    (stage, name, metal, directx): (naga::ShaderStage, &str, &str, &str),
    constants: &[(&str, f64)],
) -> Result<(), String> {
    let constants = constants.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    let (module, info) = pipeline_constants::process_overrides(module, info, Some((stage, name)), &constants)
        .map_err(|e| format!("overrides: {e}"))?;
    let words = spv::write_vec(&module, &info, &spv::Options::default(), None).map_err(|e| format!("SPIR-V: {e}"))?;
    if words.first() != Some(&0x0723_0203) {
        return Err("SPIR-V: no magic number".into());
    }
    // What wgpu asks for: Metal 2.0 and shader model 6 at least.
    let options = msl::Options { lang_version: (2, 0), ..msl::Options::default() };
    let (text, _) = msl::write_string(&module, &info, &options, &msl::PipelineOptions::default())
        .map_err(|e| format!("MSL: {e}"))?;
    if !text.contains(metal) {
        return Err("MSL: no entry point".into());
    }
    let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_0, ..hlsl::Options::default() };
    let mut text = String::new();
    hlsl::Writer::new(&mut text, &options, &hlsl::PipelineOptions::default())
        .write(&module, &info, None)
        .map_err(|e| format!("HLSL: {e}"))?;
    if text.contains(directx) { Ok(()) } else { Err("HLSL: no entry point".into()) }
}

#[test]
fn every_kernel_translates_to_spirv_msl_and_hlsl() {
    assert!(!KERNELS.is_empty(), "no kernels found");
    let mut failures = Vec::new();
    let mut variants = 0;
    for kernel in KERNELS {
        match parse(kernel) {
            Err(problem) => failures.push(format!("{}: {problem}", kernel.name)),
            Ok((module, info)) => {
                for constants in combinations(kernel) {
                    variants += 1;
                    if let Err(problem) = translate(&module, &info, STAGES[0], &constants) {
                        failures.push(format!("{} {constants:?}: {problem}", kernel.name));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {variants} variants fail:\n{}", failures.len(), failures.join("\n"));
    assert!(variants > KERNELS.len(), "overrides were tried");
}

#[test]
fn every_shader_that_draws_translates_too() {
    assert!(!RENDER_SHADERS.is_empty(), "no shaders found");
    for shader in RENDER_SHADERS {
        let (module, info) = validate(shader.name, shader.source).unwrap_or_else(|e| panic!("{}: {e}", shader.name));
        for stage in &STAGES[1..] {
            translate(&module, &info, *stage, &[]).unwrap_or_else(|e| panic!("{} {}: {e}", shader.name, stage.1));
        }
    }
}

#[test]
fn every_kernel_stays_within_what_webgpu_promises() {
    let mut failures = Vec::new();
    for kernel in KERNELS {
        let (module, _) = parse(kernel).unwrap_or_else(|problem| panic!("{}: {problem}", kernel.name));
        let of =
            |wanted: fn(&AddressSpace) -> bool| module.global_variables.iter().filter(move |(_, v)| wanted(&v.space));
        let storage = of(|space| matches!(space, AddressSpace::Storage { .. })).count();
        let uniform = of(|space| *space == AddressSpace::Uniform).count();
        // Round each variable up as a driver may.
        let workgroup: u32 = of(|space| *space == AddressSpace::WorkGroup)
            .map(|(_, v)| module.types[v.ty].inner.size(module.to_ctx()).next_multiple_of(16))
            .sum();
        let [x, y, z] = module.entry_points[0].workgroup_size;
        let mut limit = |what: &str, found: u32, most: u32| {
            if found > most {
                failures.push(format!("{}: {found} {what}, WebGPU promises {most}", kernel.name));
            }
        };
        limit("storage bindings", storage as u32, 8);
        limit("uniform bindings", uniform as u32, 12);
        limit("bytes of workgroup memory", workgroup, 16 << 10);
        limit("invocations", x * y * z, 256);
        if storage + uniform != kernel.bindings.len() || x != kernel.workgroup_size {
            failures.push(format!("{}: the generated table differs from the kernel", kernel.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
