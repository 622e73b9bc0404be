//! Compiling ahead, in a browser: a kernel that is compiled when its pipeline is made holds up all drawing for as long, and one
//! core does it alone. WebGPU compiles beside the drawing and several at a time where it may answer later, which wgpu has no
//! words for. So the same pipelines are asked for in that way first; those that wgpu makes then are found in the browser's cache.

use super::{Dispatch, Gpu};
use js_sys::{Array, Function, Object, Promise, Reflect};
use lowland_shaders::Access;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Pipelines that were compiled: the browser's cache holds them as long as somebody does.
pub(super) struct Ahead {
    _pipelines: Option<JsValue>,
}

/// Compiles the kernels of `dispatches` that are not compiled yet. What fails here fails again, with its message, when wgpu
/// makes the pipeline.
pub(super) async fn compile(gpu: &Gpu, dispatches: impl Iterator<Item = &Dispatch>) -> Ahead {
    let Some(device) = gpu.device.as_webgpu() else { return Ahead { _pipelines: None } };
    let missing = gpu.pipelines.missing(dispatches);
    let answers: Array = missing.into_iter().filter_map(|dispatch| ask(device.as_ref(), dispatch).ok()).collect();
    // One answer for all: whoever looks once a frame would find one of them a frame.
    let pipelines = JsFuture::from(Promise::all_settled(&answers)).await;
    Ahead { _pipelines: pipelines.ok() }
}

/// Asks for the pipeline of `dispatch`, described as wgpu does it.
fn ask(device: &JsValue, dispatch: &Dispatch) -> Result<Promise, JsValue> {
    const COMPUTE: u32 = 4;
    let kernel = dispatch.kernel;
    let module = call(device, "createShaderModule", &[("code", kernel.source.into())])?;
    let entries = Array::new();
    for (binding, index) in kernel.bindings.iter().zip(0u32..) {
        let kind = match binding.access {
            Access::Uniform => "uniform",
            Access::Read => "read-only-storage",
            Access::ReadWrite => "storage",
        };
        let buffer = object(&[("type", kind.into())])?;
        entries.push(&object(&[("binding", index.into()), ("visibility", COMPUTE.into()), ("buffer", buffer)])?);
    }
    let layout = call(device, "createBindGroupLayout", &[("entries", entries.into())])?;
    let layouts = [layout].into_iter().collect::<Array>();
    let layout = call(device, "createPipelineLayout", &[("bindGroupLayouts", layouts.into())])?;
    let constants: Vec<_> = dispatch.overrides.iter().map(|(name, value)| (*name, JsValue::from(*value))).collect();
    let stage = [("module", module), ("entryPoint", "main".into()), ("constants", object(&constants)?)];
    let answer = call(device, "createComputePipelineAsync", &[("layout", layout), ("compute", object(&stage)?)])?;
    Ok(answer.unchecked_into())
}

fn call(device: &JsValue, name: &str, descriptor: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    Reflect::get(device, &name.into())?.unchecked_into::<Function>().call1(device, &object(descriptor)?)
}

fn object(fields: &[(&str, JsValue)]) -> Result<JsValue, JsValue> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value)?;
    }
    Ok(object.into())
}
