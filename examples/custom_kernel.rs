//! A kernel of one's own, run by the engine's device layer: `cargo run -p examples --example custom_kernel`.
//!
//! The kernel adds a times x to y, for several rows at once: the z axis of a dispatch goes over a table, as in the
//! engine, where a row is a lane. Bindings have a fixed order: the uniform struct, the table, then storage buffers.
use lowland::gpu::{Dispatch, Gpu, GpuOptions, Program, Recording};
use lowland::shaders::{Access, Binding, Kernel};

/// WGSL may also lie in a file of its own, with `include_str!`. Its entry point is `main`.
const SOURCE: &str = "
struct Axpy { size: u32, a: f32 }
struct Rows { row: array<vec4u, 256> }

@group(0) @binding(0) var<uniform> p: Axpy;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;

override NEGATE: bool = false;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  if id.x >= p.size { return; }
  let i = rows.row[wg.z].x * p.size + id.x;
  let o = rows.row[wg.z].y * p.size + id.x;
  y[o] += select(p.a, -p.a, NEGATE) * x[i];
}
";

/// What the engine's build script writes for its own kernels.
static AXPY: Kernel = Kernel {
    name: "example_axpy",
    source: SOURCE,
    workgroup_size: 64,
    bindings: &[
        Binding { name: "p", access: Access::Uniform },
        Binding { name: "rows", access: Access::Uniform },
        Binding { name: "x", access: Access::Read },
        Binding { name: "y", access: Access::ReadWrite },
    ],
    overrides: &["NEGATE"],
};

/// `Axpy` in the kernel.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Axpy {
    size: u32,
    a: f32,
}

/// Records two dispatches, runs them, and reads the result back.
pub fn main() -> lowland::Result<()> {
    const SIZE: usize = 1000;
    let bytes = (2 * SIZE * size_of::<f32>()) as u64;
    let mut recording = Recording::default();
    let x = recording.buffer("x", bytes);
    let y = recording.buffer("y", bytes);
    // Two rows: the first half of x goes to the second half of y, and the other way round.
    let crossed = recording.table(vec![[0, 1, 0, 0], [1, 0, 0, 0]]);
    let add = |a: f32, negate: bool| Dispatch {
        kernel: &AXPY,
        overrides: vec![("NEGATE", f64::from(u8::from(negate)))],
        params: bytemuck::bytes_of(&Axpy { size: SIZE as u32, a }).to_vec(),
        table: crossed,
        buffers: vec![x, y],
        groups: [SIZE.div_ceil(64) as u32, 1, recording.rows(crossed)],
    };
    let steps = [vec![add(3.0, false), add(1.0, true)]];
    println!("{}, then {}", steps[0][0], steps[0][1]);

    let result: Vec<f32> = pollster::block_on(async {
        let gpu = Gpu::open(&GpuOptions::default()).await?;
        let program = Program::new(&gpu, &recording, &steps).await?;
        let input: Vec<f32> = (0..2 * SIZE).map(|i| i as f32).collect();
        program.write(&gpu, x, bytemuck::cast_slice(&input));
        program.run(&gpu, 0);
        let read = program.read(&gpu, y, bytes).await?;
        gpu.check()?;
        Ok::<_, lowland::Error>(bytemuck::pod_collect_to_vec(&read))
    })?;

    let expected = |i: usize| 2.0 * ((i + SIZE) % (2 * SIZE)) as f32;
    let wrong = (0..2 * SIZE).filter(|&i| result[i] != expected(i)).count();
    println!("y[0] = {}, y[{SIZE}] = {}: {wrong} of {} values wrong", result[0], result[SIZE], 2 * SIZE);
    if wrong > 0 {
        return Err(lowland::Error::run("the device computed something else than 3 x - x."));
    }
    Ok(())
}
