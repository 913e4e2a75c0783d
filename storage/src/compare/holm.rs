//! Many tests at once.

/// P values that allow for how many there are, in the same order: the step-down method of
/// [Holm](https://www.jstor.org/stable/4615733).
///
/// Where nothing differs, the chance that even one of them is below a limit is at most that limit, however the tests depend on each other.
pub(super) fn adjust(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest = 0.0_f64;
    for (rank, &test) in order.iter().enumerate() {
        largest = largest.max(p_values[test] * (p_values.len() - rank) as f64).min(1.0);
        adjusted[test] = largest;
    }
    adjusted
}
