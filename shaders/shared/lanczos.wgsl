// What the kernels of the Lanczos method share: sizes, and how many basis vectors of each lane there are. Of a basis,
// vector j of a lane is `(j * lanes + lane) * size4`; numbers of vectors are `lane * slots + j`.
struct Lanczos { size4: u32, slots: u32, lanes: u32, slices: u32, per_slice: u32 }
// Basis vectors while an extension is under way, and for the next one; |vector|^2 before it was made orthogonal.
struct Krylov { now: u32, next: u32, before: f32, unused: u32 }

// Slices of a vector at most: sums of one number are this far apart.
const LANCZOS_SLICES = 256u;
