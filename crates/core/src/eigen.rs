//! Eigenvalues and eigenvectors of a small symmetric matrix.

/// Sweeps at most; a matrix of 64 rows takes about 8.
const SWEEPS: usize = 64;

/// The eigenvalues of the symmetric `n` x `n` matrix, largest first, each with its unit eigenvector: cyclic Jacobi rotations
/// (Golub and Van Loan, Matrix Computations, 8.5).
pub(crate) fn eigen(mut matrix: Vec<f64>, n: usize) -> Vec<(f64, Vec<f64>)> {
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    let total = matrix.iter().map(|v| v * v).sum::<f64>();
    for _ in 0..SWEEPS {
        let off: f64 = (0..n).flat_map(|i| (0..i).map(move |j| i * n + j)).map(|at| matrix[at].powi(2)).sum();
        if off <= 1e-30 * total || !off.is_finite() {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut matrix, &mut vectors, n, p, q);
            }
        }
    }
    let column = |i: usize| (0..n).map(|k| vectors[k * n + i]).collect();
    let mut pairs: Vec<(f64, Vec<f64>)> = (0..n).map(|i| (matrix[i * n + i], column(i))).collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs
}

/// Makes the entry (p, q) zero.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) {
    let apq = matrix[p * n + q];
    if apq == 0.0 {
        return;
    }
    let tau = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * apq);
    let t = tau.signum() / (tau.abs() + (1.0 + tau * tau).sqrt());
    let c = 1.0 / (1.0 + t * t).sqrt();
    let s = t * c;
    let turn = |values: &mut [f64], first: usize, second: usize| {
        let (a, b) = (values[first], values[second]);
        values[first] = c * a - s * b;
        values[second] = s * a + c * b;
    };
    for k in 0..n {
        turn(matrix, k * n + p, k * n + q);
    }
    for k in 0..n {
        turn(matrix, p * n + k, q * n + k);
        turn(vectors, k * n + p, k * n + q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_by_hand() {
        let pairs = eigen(vec![2.0, 1.0, 1.0, 2.0], 2);
        assert!((pairs[0].0 - 3.0).abs() < 1e-14 && (pairs[1].0 - 1.0).abs() < 1e-14);
        assert!((pairs[0].1[0] - pairs[0].1[1]).abs() < 1e-14);
        assert_eq!(eigen(vec![0.0; 9], 3).iter().map(|pair| pair.0).collect::<Vec<_>>(), [0.0; 3]);
        assert_eq!(eigen(vec![f64::NAN; 4], 2).len(), 2, "it ends");
    }

    #[test]
    fn pairs_are_orthonormal_and_make_the_matrix() {
        let n = 40;
        let entry = |i: usize, j: usize| ((i * j) as f64).sin() + if i == j { 0.1 * i as f64 } else { 0.0 };
        let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        let pairs = eigen(matrix.clone(), n);
        assert!(pairs.windows(2).all(|pair| pair[0].0 >= pair[1].0));
        for (index, (value, vector)) in pairs.iter().enumerate() {
            for i in 0..n {
                let row: f64 = (0..n).map(|j| matrix[i * n + j] * vector[j]).sum();
                assert!((row - value * vector[i]).abs() < 1e-11, "pair {index}");
            }
            for (other, (_, with)) in pairs.iter().enumerate() {
                let dot: f64 = vector.iter().zip(with).map(|(a, b)| a * b).sum();
                assert!((dot - f64::from(u8::from(index == other))).abs() < 1e-12);
            }
        }
    }
}
