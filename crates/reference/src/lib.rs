//! Plain f64 twins of every kernel: the oracle of the tests.
