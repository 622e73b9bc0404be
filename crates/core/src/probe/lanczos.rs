//! The Lanczos method with full reorthogonalisation, on the device (Golub and Van Loan, Matrix Computations, 10.1).

use crate::eigen::eigen;
use crate::gpu::{BufferId, Gpu, Program};
use crate::plan::{LanczosPlan, LanczosRequest, LanczosSegment};
use crate::{Error, Result};

/// A symmetric operator on the device, for some lanes at once: Hessians, and whatever else multiplies vectors.
pub trait Operator {
    /// Vectors that are multiplied at once.
    fn lanes(&self) -> usize;
    /// Floats of a vector, a multiple of 4. Where some are padding, they are zero in products with vectors where they are.
    fn floats(&self) -> usize;
    /// The vectors, `[lane][float]`.
    fn directions(&self) -> &wgpu::Buffer;
    /// Their products after the last slice, `[lane][float]`.
    fn products(&self) -> &wgpu::Buffer;
    /// Submissions that the products take, each of bounded time.
    fn slices(&self) -> usize;
    /// Encodes slice `slice` of the products; the first one begins them.
    fn encode(&self, encoder: &mut wgpu::CommandEncoder, slice: usize);
}

/// Orthonormal bases of Krylov spaces, a lane each, and the tridiagonal matrices that an operator is there. Each product adds
/// a vector, which is made orthogonal to all before it, twice (Giraud et al. 2005: twice is enough). Nothing is read back for
/// it: a slice can be submitted a frame.
#[derive(Debug)]
pub struct Lanczos {
    plan: LanczosPlan,
    program: Program,
    request: LanczosRequest,
    /// Basis vectors that are submitted.
    count: usize,
    /// Slices of the next product that are submitted.
    slice: usize,
}

/// What an operator is in a Krylov space.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tridiagonal {
    /// The diagonal.
    pub alpha: Vec<f64>,
    /// Beside it; the last one is how much of the product with the last vector lies outside of the space.
    pub beta: Vec<f64>,
}

/// An eigenvalue of a tridiagonal matrix.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// The Ritz value.
    pub value: f64,
    /// The square of the first entry of its unit eigenvector: its part of the start vector. All of them sum to 1.
    pub weight: f64,
    /// The norm of the residual of its Ritz vector.
    pub residual: f64,
}

impl Tridiagonal {
    /// Eigenvalues, largest first.
    pub fn nodes(&self) -> Vec<Node> {
        let n = self.alpha.len();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            matrix[i * n + i] = self.alpha[i];
            if i + 1 < n {
                matrix[i * n + i + 1] = self.beta[i];
                matrix[(i + 1) * n + i] = self.beta[i];
            }
        }
        let outside = self.beta.last().copied().unwrap_or_default();
        let node = |(value, vector): (f64, Vec<f64>)| Node {
            value,
            weight: vector[0] * vector[0],
            residual: (outside * vector[n - 1]).abs(),
        };
        eigen(matrix, n).into_iter().map(node).collect()
    }
}

impl Lanczos {
    /// Room for `products` products with vectors of `operator`'s kind.
    ///
    /// # Errors
    /// [`Error::Input`] where the vectors do not fit the device, with their bytes; [`Error::Run`] where it refuses.
    pub async fn new(gpu: &Gpu, operator: &dyn Operator, products: usize) -> Result<Self> {
        Self::with_ritz(gpu, operator, products, 0).await
    }

    /// The same with room for `ritz` Ritz vectors of the first lane.
    pub(super) async fn with_ritz(gpu: &Gpu, operator: &dyn Operator, products: usize, ritz: usize) -> Result<Self> {
        let (floats, lanes) = (operator.floats(), operator.lanes());
        let request = LanczosRequest { floats, lanes, slots: products + 1, ritz };
        let (bytes, most) = (Self::basis_bytes(floats, lanes, products), gpu.max_binding());
        if bytes > most {
            let fit = (most / Self::basis_bytes(floats, lanes, 0).max(1)).saturating_sub(1);
            return Err(Error::input(format!(
                "{products} iterations of {lanes} vectors of {floats} floats take {bytes} bytes of Lanczos vectors, and this \
                 adapter binds {most} at most; {fit} iterations would fit."
            )));
        }
        let plan = LanczosPlan::new(request);
        let program = Program::new(gpu, &plan.recording, &plan.dispatches()).await?;
        Ok(Self { plan, program, request, count: 0, slice: 0 })
    }

    /// Bytes of the vectors that `products` products leave: what limits their number.
    pub fn basis_bytes(floats: usize, lanes: usize, products: usize) -> u64 {
        4 * floats as u64 * lanes as u64 * (products as u64 + 1)
    }

    /// Bytes on the device, constant.
    pub fn bytes(&self) -> u64 {
        self.program.bytes()
    }

    /// Begins with one vector a lane, `[lane][float]`, of any length.
    pub fn begin(&mut self, gpu: &Gpu, starts: &[f32]) {
        self.write_start(gpu, starts);
        self.begin_at(gpu, 0);
    }

    /// Writes the vectors that are begun with.
    pub(super) fn write_start(&self, gpu: &Gpu, starts: &[f32]) {
        self.program.write(gpu, self.plan.buffers.start, bytemuck::cast_slice(starts));
    }

    /// Begins anew with the vectors of the last time.
    pub fn begin_again(&mut self, gpu: &Gpu) {
        self.begin_at(gpu, 0);
    }

    /// Makes the start vector the basis vector `place`, orthogonal to those before it.
    fn begin_at(&mut self, gpu: &Gpu, place: usize) {
        self.set_count(gpu, place);
        let b = self.plan.buffers;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(self.buffer(b.start), 0, self.buffer(b.vectors), 0, self.vector_bytes());
        self.extend(&mut encoder);
        gpu.queue.submit([encoder.finish()]);
    }

    fn set_count(&mut self, gpu: &Gpu, count: usize) {
        let state = [0, count as u32, 0, 0].repeat(self.request.lanes);
        self.program.write(gpu, self.plan.buffers.state, bytemuck::cast_slice(&state));
        (self.count, self.slice) = (count, 0);
    }

    fn extend(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        self.program.encode(&mut pass, self.plan.index(LanczosSegment::Extend));
        drop(pass);
        (self.count, self.slice) = (self.count + 1, 0);
    }

    fn buffer(&self, id: BufferId) -> &wgpu::Buffer {
        self.program.buffer(id)
    }

    /// Bytes of one vector of each lane.
    pub(super) fn vector_bytes(&self) -> u64 {
        4 * (self.request.floats * self.request.lanes) as u64
    }

    /// Products that are submitted.
    pub fn products(&self) -> usize {
        self.count.saturating_sub(1)
    }

    /// Whether there is room for another product.
    pub fn has_room(&self) -> bool {
        self.count < self.request.slots
    }

    /// Submits the next slice of a product with the newest vectors; the last one extends the bases. It never waits. False
    /// where there is no room.
    pub fn advance(&mut self, gpu: &Gpu, operator: &dyn Operator) -> bool {
        if self.count == 0 || !self.has_room() {
            return false;
        }
        let b = self.plan.buffers;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let bytes = self.vector_bytes();
        if self.slice == 0 {
            let newest = (self.count - 1) as u64 * bytes;
            encoder.copy_buffer_to_buffer(self.buffer(b.basis), newest, operator.directions(), 0, bytes);
        }
        operator.encode(&mut encoder, self.slice);
        self.slice += 1;
        if self.slice >= operator.slices() {
            encoder.copy_buffer_to_buffer(operator.products(), 0, self.buffer(b.vectors), 0, bytes);
            self.extend(&mut encoder);
        }
        gpu.queue.submit([encoder.finish()]);
        true
    }

    /// Submits a whole product, and waits now and then where it has many slices.
    pub(crate) async fn product(&mut self, gpu: &Gpu, operator: &dyn Operator) -> Result<bool> {
        let before = self.count;
        while self.count == before {
            if !self.advance(gpu, operator) {
                return Ok(false);
            }
            if self.slice > 0 && self.slice.is_multiple_of(MOST_SUBMITTED) {
                self.program.end_of(gpu, gpu.device.create_command_encoder(&Default::default())).await?;
            }
        }
        Ok(true)
    }

    /// Encodes a beginning with the vectors that lie in `from`.
    pub(super) fn encode_begin(&mut self, encoder: &mut wgpu::CommandEncoder, from: &wgpu::Buffer) {
        let b = self.plan.buffers;
        encoder.clear_buffer(self.buffer(b.state), 0, None);
        encoder.copy_buffer_to_buffer(from, 0, self.buffer(b.vectors), 0, self.vector_bytes());
        (self.count, self.slice) = (0, 0);
        self.extend(encoder);
    }

    /// The same with the vectors of [`Lanczos::write_start`].
    pub(super) fn encode_start(&mut self, encoder: &mut wgpu::CommandEncoder) {
        let b = self.plan.buffers;
        encoder.clear_buffer(self.buffer(b.state), 0, None);
        encoder.copy_buffer_to_buffer(self.buffer(b.start), 0, self.buffer(b.vectors), 0, self.vector_bytes());
        (self.count, self.slice) = (0, 0);
        self.extend(encoder);
    }

    /// Encodes a copy of the first basis vectors, the begun ones at length 1.
    pub(super) fn encode_first(&self, encoder: &mut wgpu::CommandEncoder, to: &wgpu::Buffer) {
        encoder.copy_buffer_to_buffer(self.buffer(self.plan.buffers.basis), 0, to, 0, self.vector_bytes());
    }

    /// Encodes a copy of how long the vectors were that were begun with: the second of each lane's two floats, lanes 16 bytes
    /// apart.
    pub(super) fn encode_lengths(&self, encoder: &mut wgpu::CommandEncoder, to: &wgpu::Buffer, offset: u64) {
        for lane in 0..self.request.lanes as u64 {
            let from = 8 * lane * self.request.slots as u64;
            encoder.copy_buffer_to_buffer(self.buffer(self.plan.buffers.tridiagonal), from, to, offset + 16 * lane, 8);
        }
    }

    /// Encodes a copy of the matrices of all lanes; [`Lanczos::matrices`] reads them.
    pub(super) fn encode_matrices(&self, encoder: &mut wgpu::CommandEncoder, to: &wgpu::Buffer, offset: u64) {
        let from = self.buffer(self.plan.buffers.tridiagonal);
        encoder.copy_buffer_to_buffer(from, 0, to, offset, self.matrix_bytes());
    }

    /// Products that there is room for in all.
    pub(super) fn room(&self) -> usize {
        self.request.slots - 1
    }

    /// Bytes of the matrices of all lanes.
    pub(super) fn matrix_bytes(&self) -> u64 {
        8 * (self.request.lanes * self.request.slots) as u64
    }

    /// The matrices of all lanes, as far as products are done; of a lane whose space is exhausted, up to there.
    ///
    /// # Errors
    /// [`Error::Run`] where the device is lost, or the operator is not finite.
    pub async fn read(&self, gpu: &Gpu) -> Result<Vec<Tridiagonal>> {
        self.read_each(gpu).await?.into_iter().collect()
    }

    /// The same, lane by lane: some may be finite, and others not.
    pub(crate) async fn read_each(&self, gpu: &Gpu) -> Result<Vec<Result<Tridiagonal>>> {
        Ok(self.tables(gpu).await?.iter().map(|table| self.matrix(table)).collect())
    }

    /// The matrices from the bytes that [`Lanczos::encode_matrices`] copied, lane by lane.
    pub(super) fn matrices(&self, bytes: &[u8]) -> Vec<Result<Tridiagonal>> {
        let table: Vec<[f32; 2]> = bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        table.chunks(self.request.slots).map(|table| self.matrix(table)).collect()
    }

    /// Alpha, and beta before it, of each slot of each lane.
    pub(super) async fn tables(&self, gpu: &Gpu) -> Result<Vec<Vec<[f32; 2]>>> {
        let bytes = self.program.read(gpu, self.plan.buffers.tridiagonal, self.matrix_bytes()).await?;
        let table: Vec<[f32; 2]> = bytes.chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        Ok(table.chunks(self.request.slots).map(<[_]>::to_vec).collect())
    }

    fn matrix(&self, table: &[[f32; 2]]) -> Result<Tridiagonal> {
        let mut matrix = Tridiagonal::default();
        for at in 0..self.products() {
            let (alpha, beta) = (f64::from(table[at][0]), f64::from(table[at + 1][1]));
            if !(alpha.is_finite() && beta.is_finite()) {
                return Err(not_finite());
            }
            matrix.alpha.push(alpha);
            matrix.beta.push(beta);
            if beta == 0.0 {
                break;
            }
        }
        Ok(matrix)
    }

    /// Adds a vector to a basis that may be exhausted, or of other vectors: a new start at `place`.
    pub(super) fn inject(&mut self, gpu: &Gpu, start: &[f32], place: usize) {
        self.program.write(gpu, self.plan.buffers.start, bytemuck::cast_slice(start));
        self.begin_at(gpu, place);
    }

    /// Computes Ritz vectors of the first lane: column `r` of `columns` has the factors of the basis vectors.
    pub(super) fn ritz(&self, gpu: &Gpu, columns: &[&[f64]]) {
        let mut factors = vec![0.0f32; self.request.ritz * self.request.slots];
        for (row, column) in factors.chunks_mut(self.request.slots).zip(columns) {
            row.iter_mut().zip(*column).for_each(|(to, from)| *to = *from as f32);
        }
        self.program.write(gpu, self.plan.buffers.factors, bytemuck::cast_slice(&factors));
        self.program.run(gpu, self.plan.index(LanczosSegment::Ritz));
    }

    /// Makes the first `count` Ritz vectors the basis, and the newest basis vector the next one (thick restart).
    pub(super) fn keep(&mut self, gpu: &Gpu, count: usize) {
        let (b, bytes) = (self.plan.buffers, self.vector_bytes());
        let newest = (self.count - 1) as u64 * bytes;
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        let basis = self.buffer(b.basis);
        encoder.copy_buffer_to_buffer(basis, newest, self.buffer(b.vectors), 0, bytes);
        encoder.copy_buffer_to_buffer(self.buffer(b.ritz), 0, basis, 0, count as u64 * bytes);
        encoder.copy_buffer_to_buffer(self.buffer(b.vectors), 0, basis, count as u64 * bytes, bytes);
        gpu.queue.submit([encoder.finish()]);
        self.set_count(gpu, count + 1);
    }

    /// Ritz vector `r`, and its product with the operator.
    pub(super) async fn ritz_and_product(&self, gpu: &Gpu, operator: &dyn Operator, r: usize) -> Result<[Vec<f32>; 2]> {
        let bytes = self.vector_bytes();
        let from = self.buffer(self.plan.buffers.ritz);
        for slice in 0..operator.slices() {
            let mut encoder = gpu.device.create_command_encoder(&Default::default());
            if slice == 0 {
                encoder.copy_buffer_to_buffer(from, r as u64 * bytes, operator.directions(), 0, bytes);
            }
            operator.encode(&mut encoder, slice);
            if (slice + 1).is_multiple_of(MOST_SUBMITTED) {
                self.program.end_of(gpu, encoder).await?;
            } else {
                gpu.queue.submit([encoder.finish()]);
            }
        }
        let vector = gpu.read(from, r as u64 * bytes, bytes).await?;
        let product = gpu.read(operator.products(), 0, bytes).await?;
        Ok([vector, product].map(|bytes| bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect()))
    }
}

/// Submissions without a wait between them.
const MOST_SUBMITTED: usize = 16;

/// What a curvature that is no number is called.
pub(super) fn not_finite() -> Error {
    Error::run(
        "the curvature at these weights is not finite: the loss or its derivatives overflow; take other weights.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_of_a_matrix_by_hand() {
        // [[2, 1], [1, 2]] with 0.5 outside: eigenvectors (1, 1) and (1, -1), each with half of the start.
        let nodes = Tridiagonal { alpha: vec![2.0, 2.0], beta: vec![1.0, 0.5] }.nodes();
        for (node, value) in nodes.iter().zip([3.0, 1.0]) {
            assert!((node.value - value).abs() < 1e-14 && (node.weight - 0.5).abs() < 1e-14);
            assert!((node.residual - 0.5 * 0.5f64.sqrt()).abs() < 1e-14);
        }
        assert!(Tridiagonal::default().nodes().is_empty());
    }
}
