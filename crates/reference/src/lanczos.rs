//! One extension of a Lanczos basis.

/// The products of `vector` with each vector of `basis`, and with itself.
pub fn dots(basis: &[&[f64]], vector: &[f64]) -> Vec<f64> {
    let mut products = Vec::new();
    for other in basis.iter().chain([&vector]) {
        products.push((0..vector.len()).map(|i| vector[i] * other[i]).sum());
    }
    products
}

/// `vector - sum_j coefficients[j] basis[j]`.
pub fn subtract(basis: &[&[f64]], coefficients: &[f64], vector: &[f64]) -> Vec<f64> {
    let mut rest = vector.to_vec();
    for (j, other) in basis.iter().enumerate() {
        for i in 0..rest.len() {
            rest[i] -= coefficients[j] * other[i];
        }
    }
    rest
}

/// What is left of `vector` after two subtractions: alpha (how much of the last basis vector there was), beta (the length of
/// the rest) and the rest at length 1. Where beta^2 is below 1e-12 of the square before, beta and the vector are 0.
pub fn extend(basis: &[&[f64]], vector: &[f64]) -> (f64, f64, Vec<f64>) {
    let first = dots(basis, vector);
    let rest = subtract(basis, &first, vector);
    let second = dots(basis, &rest);
    let rest = subtract(basis, &second, &rest);
    let square: f64 = rest.iter().map(|v| v * v).sum();
    let count = basis.len();
    let alpha = if count > 0 { first[count - 1] + second[count - 1] } else { 0.0 };
    if square <= 1e-12 * first[count] {
        return (alpha, 0.0, vec![0.0; rest.len()]);
    }
    (alpha, square.sqrt(), rest.iter().map(|v| v / square.sqrt()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_by_hand() {
        let (alpha, beta, next) = extend(&[&[1.0, 0.0, 0.0], &[0.0, 0.6, 0.8]], &[5.0, 5.0, 0.0]);
        assert!((alpha - 3.0).abs() < 1e-15 && (beta - 4.0).abs() < 1e-15);
        assert!((next[1] - 0.8).abs() < 1e-15 && (next[2] + 0.6).abs() < 1e-15);
        assert_eq!(extend(&[&[1.0, 0.0]], &[7.0, 0.0]), (7.0, 0.0, vec![0.0, 0.0]));
        assert_eq!(extend(&[], &[0.0, -2.0]), (0.0, 2.0, vec![0.0, -1.0]));
    }
}
