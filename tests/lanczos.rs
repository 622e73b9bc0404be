//! Lanczos on the device, on matrices whose eigenvalues are known.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use lowland::gpu::{Dispatch, Gpu, Program, Recording};
use lowland::probe::{Eigenpairs, Lanczos, Operator, Quadrature, Wanted, largest_eigenpairs};
use lowland::rng::{Rng, Stream};
use lowland_shaders::{Access, Binding, Kernel};
use lowland_tests::any_gpu;

/// y = A x for some lanes, rows FROM .. FROM + count.
static MULTIPLY: Kernel = Kernel {
    name: "test_multiply",
    source: "
struct Multiply { n: u32, from_row: u32, to_row: u32 }
struct Rows { row: array<vec4u, 256> }
@group(0) @binding(0) var<uniform> p: Multiply;
@group(0) @binding(1) var<uniform> rows: Rows;
@group(0) @binding(2) var<storage, read> matrix: array<f32>;
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(global_invocation_id) id: vec3u) {
  let i = p.from_row + id.x;
  if i >= p.to_row { return; }
  let base = rows.row[wg.z].x * p.n;
  var sum = 0.0;
  for (var j = 0u; j < p.n; j += 1u) { sum += matrix[i * p.n + j] * x[base + j]; }
  y[base + i] = sum;
}
",
    workgroup_size: 64,
    bindings: &[
        Binding { name: "p", access: Access::Uniform },
        Binding { name: "rows", access: Access::Uniform },
        Binding { name: "matrix", access: Access::Read },
        Binding { name: "x", access: Access::Read },
        Binding { name: "y", access: Access::ReadWrite },
    ],
    overrides: &[],
};

/// A symmetric matrix on the device, in two slices of rows.
struct Matrix {
    program: Program,
    ids: [lowland::gpu::BufferId; 2],
    n: usize,
    lanes: usize,
}

impl Matrix {
    fn new(gpu: &Gpu, matrix: &[f64], n: usize, lanes: usize) -> Self {
        assert!(n.is_multiple_of(4) && matrix.len() == n * n);
        let mut r = Recording::default();
        let a = r.buffer("matrix", 4 * (n * n) as u64);
        let ids = ["x", "y"].map(|name| r.buffer(name, 4 * (n * lanes) as u64));
        let rows = r.table((0..lanes as u32).map(|lane| [lane; 4]).collect());
        let half = |from: usize, to: usize| Dispatch {
            kernel: &MULTIPLY,
            overrides: vec![],
            params: bytemuck::cast_slice(&[n as u32, from as u32, to as u32]).to_vec(),
            table: rows,
            buffers: vec![a, ids[0], ids[1]],
            groups: [n.div_ceil(64) as u32, 1, lanes as u32],
        };
        let segments = [vec![half(0, n / 2)], vec![half(n / 2, n)]];
        let program = pollster::block_on(Program::new(gpu, &r, &segments)).unwrap();
        let values: Vec<f32> = matrix.iter().map(|v| *v as f32).collect();
        program.write(gpu, a, bytemuck::cast_slice(&values));
        Self { program, ids, n, lanes }
    }
}

impl Operator for Matrix {
    fn lanes(&self) -> usize {
        self.lanes
    }
    fn floats(&self) -> usize {
        self.n
    }
    fn directions(&self) -> &wgpu::Buffer {
        self.program.buffer(self.ids[0])
    }
    fn products(&self) -> &wgpu::Buffer {
        self.program.buffer(self.ids[1])
    }
    fn slices(&self) -> usize {
        2
    }
    fn encode(&self, encoder: &mut wgpu::CommandEncoder, slice: usize) {
        self.program.encode(&mut encoder.begin_compute_pass(&Default::default()), slice);
    }
}

fn normals(n: usize, which: u32) -> Vec<f32> {
    let mut rng = Rng::new(1, Stream::Data, which);
    (0..n).map(|_| rng.normal()).collect()
}

/// A dense matrix with these eigenvalues: a diagonal between reflections.
fn with_spectrum(values: &[f64]) -> Vec<f64> {
    let n = values.len();
    let mut a = vec![0.0; n * n];
    (0..n).for_each(|i| a[i * n + i] = values[i]);
    for which in 0..2 {
        let u: Vec<f64> = normals(n, 90 + which).iter().map(|v| f64::from(*v)).collect();
        let square: f64 = u.iter().map(|u| u * u).sum();
        // (I - 2 u u') A (I - 2 u u'), u of length 1.
        let au: Vec<f64> = (0..n).map(|i| (0..n).map(|j| a[i * n + j] * u[j]).sum::<f64>()).collect();
        let uau: f64 = u.iter().zip(&au).map(|(u, au)| u * au).sum();
        for i in 0..n {
            for j in 0..n {
                let cross = (u[i] * au[j] + au[i] * u[j]) / square;
                a[i * n + j] += 4.0 * u[i] * u[j] * uau / (square * square) - 2.0 * cross;
            }
        }
    }
    a
}

/// Spikes above a semicircle of radius 1.
fn spiked(n: usize, spikes: &[f64]) -> Vec<f64> {
    let bulk = n - spikes.len();
    // Evenly spaced in the angle: the density of cos is not a semicircle, but known all the same.
    let bulk = (0..bulk).map(|i| (std::f64::consts::PI * (i as f64 + 0.5) / bulk as f64).cos());
    spikes.iter().copied().chain(bulk).collect()
}

fn solve(gpu: &Gpu, values: &[f64], top: usize, products: usize) -> lowland::Result<Eigenpairs> {
    let n = values.len();
    let matrix = Matrix::new(gpu, &with_spectrum(values), n, 1);
    let wanted = Wanted { top, products, tolerance: 1e-4 };
    let mut start = |which| normals(n, which);
    pollster::block_on(largest_eigenpairs(gpu, &matrix, n, wanted, &mut start, &mut |_, _| {}))
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(|a, b| b.total_cmp(a));
    values
}

#[test]
fn largest_eigenvalues_of_known_matrices() {
    let Some(gpu) = any_gpu() else { return };
    // What is asked for in one basis, with restarts, with eigenvalues that come several times, and at zero.
    let doubled = [vec![5.0, 5.0, 4.0], vec![1.0; 10], vec![0.5; 7], vec![-2.0; 4]].concat();
    let mostly_zero = [vec![3.0, 2.0], vec![0.0; 150], vec![-1.0; 20], (0..28).map(|i| -0.1 * f64::from(i)).collect()];
    let close: Vec<f64> = (0..400).map(|i| (-f64::from(i) / 300.0).exp()).collect();
    let cases: [(&str, Vec<f64>, usize); 7] = [
        ("spikes", spiked(200, &[10.0, 7.0, 6.9, 3.0, 1.5, -4.0]), 5),
        ("close", close, 6),
        ("doubled", doubled, 6),
        ("zeros", mostly_zero.concat(), 6),
        ("identity", vec![2.0; 24], 3),
        ("nothing", vec![0.0; 24], 3),
        ("all of them", (0..12).map(|i| f64::from(i) - 4.0).collect(), 12),
    ];
    for (name, values, top) in cases {
        let found = solve(gpu, &values, top, 2000).unwrap();
        let sorted = sorted(&values);
        let scale = sorted[0].abs().max(sorted[sorted.len() - 1].abs());
        assert!(found.converged, "{name}");
        for (k, known) in sorted.iter().enumerate().take(top) {
            let off = (found.values[k] - known).abs();
            assert!(off < 2e-5 * scale + 1e-9, "{name} {k}: {} is {known}", found.values[k]);
            assert!(found.residuals[k] <= 2e-4 * scale, "{name} {k}: residual {}", found.residuals[k]);
            for j in 0..=k {
                let dot: f64 = found.vectors[k].iter().zip(&found.vectors[j]).map(|(a, b)| f64::from(a * b)).sum();
                assert!((dot - f64::from(u8::from(j == k))).abs() < 1e-3, "{name}: {j} . {k} = {dot}");
            }
        }
        if name == "spikes" {
            assert!((found.smallest.0 + 4.0).abs() < 1e-3, "{:?}", found.smallest);
        }
        eprintln!("{name}: {} products", found.products);
    }
}

#[test]
fn impossible_numbers_are_refused() {
    let Some(gpu) = any_gpu() else { return };
    let values = spiked(40, &[3.0]);
    for (top, products) in [(0, 100), (41, 100), (10, 5)] {
        assert!(solve(gpu, &values, top, products).unwrap_err().is_input(), "{top} {products}");
    }
    // A vector is so large that not even a few fit a binding.
    struct Huge<'a>(&'a Matrix, usize);
    impl Operator for Huge<'_> {
        fn lanes(&self) -> usize {
            1
        }
        fn floats(&self) -> usize {
            self.1
        }
        fn directions(&self) -> &wgpu::Buffer {
            self.0.directions()
        }
        fn products(&self) -> &wgpu::Buffer {
            self.0.products()
        }
        fn slices(&self) -> usize {
            1
        }
        fn encode(&self, _: &mut wgpu::CommandEncoder, _: usize) {}
    }
    let matrix = Matrix::new(gpu, &with_spectrum(&values), 40, 1);
    let huge = Huge(&matrix, (gpu.max_binding() / 4 / 40 / 4 * 4) as usize);
    let wanted = Wanted { top: 50, products: 500, tolerance: 1e-4 };
    let ask = |wanted| {
        let mut start = |_| unreachable!("nothing is drawn before it fits");
        pollster::block_on(largest_eigenpairs(gpu, &huge, huge.1, wanted, &mut start, &mut |_, _| {}))
    };
    let error = ask(wanted).unwrap_err();
    assert!(
        error.is_input() && error.to_string().contains("bytes") && error.to_string().contains("--top 3"),
        "{error}"
    );
}

#[test]
fn a_matrix_that_is_not_finite_is_named() {
    let Some(gpu) = any_gpu() else { return };
    let mut a = with_spectrum(&spiked(40, &[3.0]));
    a[7] = f64::NAN;
    let matrix = Matrix::new(gpu, &a, 40, 1);
    let wanted = Wanted { top: 2, products: 100, tolerance: 1e-4 };
    let mut start = |which| normals(40, which);
    let found = pollster::block_on(largest_eigenpairs(gpu, &matrix, 40, wanted, &mut start, &mut |_, _| {}));
    let error = found.unwrap_err();
    assert!(!error.is_input() && error.to_string().contains("not finite"), "{error}");
}

/// All eigenvalues where the basis is the whole space, no copies of one, and lanes that know nothing of each other.
#[test]
fn whole_spaces_and_lanes() {
    let Some(gpu) = any_gpu() else { return };
    let values = spiked(100, &[10.0, 5.0]);
    let a = with_spectrum(&values);
    let read = |lanes: usize, from: u32| {
        let matrix = Matrix::new(gpu, &a, 100, lanes);
        let mut lanczos = pollster::block_on(Lanczos::new(gpu, &matrix, 100)).unwrap();
        let starts: Vec<f32> = (0..lanes as u32).flat_map(|lane| normals(100, from + lane)).collect();
        lanczos.begin(gpu, &starts);
        while lanczos.advance(gpu, &matrix) {}
        assert_eq!(lanczos.products(), 100);
        let first = pollster::block_on(lanczos.read(gpu)).unwrap();
        lanczos.begin_again(gpu);
        while lanczos.advance(gpu, &matrix) {}
        assert_eq!(pollster::block_on(lanczos.read(gpu)).unwrap(), first, "same bits");
        first
    };
    let three = read(3, 20);
    assert_eq!(read(1, 21)[0], three[1], "a lane is the same beside others");
    for matrix in &three {
        let nodes = matrix.nodes();
        let sum: f64 = nodes.iter().map(|node| node.weight).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        for (node, value) in nodes.iter().zip(sorted(&values)) {
            assert!((node.value - value).abs() < 1e-4, "{} is {value}", node.value);
        }
    }
}

#[test]
fn traces_and_densities() {
    let Some(gpu) = any_gpu() else { return };
    let signs =
        |n: usize| move |which: u32| -> Vec<f32> { normals(n, 400 + which).iter().map(|v| v.signum()).collect() };
    // Of a diagonal one vector of signs gives the exact trace.
    let n = 64;
    let diagonal: Vec<f64> = (0..n * n).map(|at| if at / n == at % n { (at % n) as f64 - 9.0 } else { 0.0 }).collect();
    let matrix = Matrix::new(gpu, &diagonal, n, 1);
    let one = pollster::block_on(Quadrature::measure(gpu, &matrix, n, (1, 1), &signs(n), &mut |_, _| {})).unwrap();
    let trace: f64 = (0..n).map(|i| i as f64 - 9.0).sum();
    assert!((one.trace().0 - trace).abs() < 1e-3 * trace, "{:?}", one.trace());
    assert_eq!(one.trace().1, None);

    let values = spiked(200, &[12.0, 8.0]);
    let matrix = Matrix::new(gpu, &with_spectrum(&values), 200, 4);
    let mut most = 0;
    let mut progress = |done: usize, all: usize| most = (done * 100 / all).max(most);
    let draw = signs(200);
    let found = Quadrature::measure(gpu, &matrix, 200, (10, 30), &draw, &mut progress);
    let found = pollster::block_on(found).unwrap();
    assert_eq!((found.nodes.len(), found.traces.len(), most), (10, 10, 100));
    let (trace, error) = found.trace();
    let exact: f64 = values.iter().sum();
    assert!((trace - exact).abs() < 4.0 * error.unwrap(), "{trace} +- {error:?} is {exact}");
    assert!((found.largest(1).unwrap() - 12.0).abs() < 1e-4 && (found.largest(2).unwrap() - 8.0).abs() < 1e-4);
    let density = found.density(found.range(), 0.05, 1000).unwrap();
    let step = density.grid[1] - density.grid[0];
    let mass = |from: f64, to: f64| -> f64 {
        let places = density.grid.iter().zip(&density.density);
        places.filter(|(x, _)| **x >= from && **x < to).map(|(_, d)| d * step).sum()
    };
    assert!((mass(-100.0, 100.0) - 1.0).abs() < 1e-6);
    for (from, to) in [(-2.0, 0.0), (0.0, 3.0), (7.0, 9.0), (11.0, 13.0)] {
        let exact = values.iter().filter(|v| **v >= from && **v < to).count() as f64 / 200.0;
        assert!((mass(from, to) - exact).abs() < 0.05, "{from} to {to}: {} is {exact}", mass(from, to));
    }
}
