//! Two proportions, in one or several strata.

use statrs::function::erf::erfc;

/// Two samples of things that have a property or have not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Table {
    /// How many of the first have it.
    pub(super) hits: u64,
    /// The size of the first; at least 1.
    pub(super) size: u64,
    /// How many of the second have it.
    pub(super) other_hits: u64,
    /// The size of the second; at least 1.
    pub(super) other_size: u64,
}

/// An estimate, and the interval that holds the truth with the stated confidence.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The best guess.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Exact distributions are computed up to this many additions; beyond, the normal distribution is as good.
const MAX_EXACT_STEPS: usize = 4_000_000;

/// The weight of a stratum of so many against so many: that of Mantel and Haenszel, which is largest where both samples are.
pub(super) fn weight(size: u64, other_size: u64) -> f64 {
    let (size, other_size) = (size as f64, other_size as f64);
    size * other_size / (size + other_size)
}

/// The difference between the proportions of the first and the second, for a normal quantile `z` of the confidence.
///
/// One table: the interval of Newcombe, made of two of Wilson's ([Newcombe 1998](https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8%3C873::AID-SIM779%3E3.0.CO;2-I),
/// method 10), which holds for small and unequal samples and for proportions of 0 and 1. Several: their weighted mean, its interval made
/// of theirs by MOVER ([Zou and Donner 2008](https://doi.org/10.1002/sim.3095)), of which Newcombe's is the simplest case.
pub(super) fn difference(tables: &[Table], z: f64) -> Estimate {
    let total: f64 = tables.iter().map(|table| weight(table.size, table.other_size)).sum();
    let (mut value, mut below, mut above) = (0.0, 0.0, 0.0);
    for table in tables {
        let share = weight(table.size, table.other_size) / total;
        let first = wilson(table.hits, table.size, z);
        let second = wilson(table.other_hits, table.other_size, z);
        value += share * (first.value - second.value);
        below += share.powi(2) * ((first.value - first.low).powi(2) + (second.high - second.value).powi(2));
        above += share.powi(2) * ((first.high - first.value).powi(2) + (second.value - second.low).powi(2));
    }
    Estimate { value, low: value - below.sqrt(), high: value + above.sqrt() }
}

/// Wilson's score interval of a proportion ([Wilson 1927](https://doi.org/10.1080/01621459.1927.10502953)).
fn wilson(hits: u64, size: u64, z: f64) -> Estimate {
    let (hits, size) = (hits as f64, size as f64);
    let value = hits / size;
    let middle = hits + z * z / 2.0;
    let half = z * (value * (1.0 - value) * size + z * z / 4.0).sqrt();
    let scale = size + z * z;
    Estimate { value, low: ((middle - half) / scale).max(0.0), high: ((middle + half) / scale).min(1.0) }
}

/// How likely tables at least as uneven are where both proportions are equal within each stratum; `None` where the tables cannot tell,
/// because all or none have the property.
///
/// The exact conditional test: Fisher's where there is one table (two-sided: what is as improbable as the observed, or more). Where that
/// is too much work there are many hits, and the test of [Mantel and Haenszel](https://doi.org/10.1093/jnci/22.4.719) with
/// continuity correction takes its place.
pub(super) fn p_value(tables: &[Table]) -> Option<f64> {
    let informative: Vec<_> =
        tables.iter().map(Margins::of).filter(|margins| margins.least < margins.most).collect();
    if informative.is_empty() {
        return None;
    }
    let observed: u64 = informative.iter().map(|margins| margins.observed - margins.least).sum();
    let mut steps = 0;
    let mut reach = 1_usize;
    for margins in &informative {
        let width = (margins.most - margins.least + 1) as usize;
        steps += width.saturating_mul(if reach == 1 { 1 } else { reach });
        reach = reach.saturating_add(width);
    }
    if steps > MAX_EXACT_STEPS {
        return Some(mantel_haenszel(&informative));
    }
    let distribution = informative.iter().map(Margins::distribution).reduce(|a, b| convolve(&a, &b))?;
    let limit = distribution[observed as usize] * (1.0 + 1e-7);
    let p: f64 = distribution.iter().filter(|probability| **probability <= limit).sum();
    Some(p.min(1.0))
}

/// What is fixed in a table, and what was observed.
struct Margins {
    observed: u64,
    /// The fewest and the most hits that the first sample can have.
    least: u64,
    most: u64,
    size: u64,
    hits: u64,
    total: u64,
}

impl Margins {
    fn of(table: &Table) -> Self {
        let (hits, total) = (table.hits + table.other_hits, table.size + table.other_size);
        Self {
            observed: table.hits,
            least: hits.saturating_sub(table.other_size),
            most: hits.min(table.size),
            size: table.size,
            hits,
            total,
        }
    }

    /// The hypergeometric distribution of the first sample's hits, from the fewest on.
    fn distribution(&self) -> Vec<f64> {
        let (size, hits) = (self.size as f64, self.hits as f64);
        let misses_besides = (self.total - self.hits) as f64 - size;
        // From the mode outwards, each probability is a multiple of its neighbour's: no factorial is needed.
        let mode = ((size + 1.0) * (hits + 1.0) / (self.total as f64 + 2.0)).floor() as u64;
        let mode = (mode.clamp(self.least, self.most) - self.least) as usize;
        let mut weights = vec![0.0; (self.most - self.least + 1) as usize];
        weights[mode] = 1.0;
        let ratio = |place: usize| {
            let below = (self.least + place as u64) as f64;
            (hits - below) * (size - below) / ((below + 1.0) * (misses_besides + below + 1.0))
        };
        for place in mode..weights.len() - 1 {
            weights[place + 1] = weights[place] * ratio(place);
        }
        for place in (0..mode).rev() {
            weights[place] = weights[place + 1] / ratio(place);
        }
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        weights
    }
}

fn convolve(a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0; a.len() + b.len() - 1];
    for (i, x) in a.iter().enumerate().filter(|(_, x)| **x > 0.0) {
        for (sum, y) in sums[i..].iter_mut().zip(b) {
            *sum += x * y;
        }
    }
    sums
}

fn mantel_haenszel(tables: &[Margins]) -> f64 {
    let (mut excess, mut variance) = (0.0, 0.0);
    for table in tables {
        let (size, hits, total) = (table.size as f64, table.hits as f64, table.total as f64);
        excess += table.observed as f64 - size * hits / total;
        variance += size * (total - size) * hits * (total - hits) / (total * total * (total - 1.0));
    }
    erfc((excess.abs() - 0.5).max(0.0) / variance.sqrt() / std::f64::consts::SQRT_2)
}

#[cfg(test)]
pub(super) fn normal_p_value(tables: &[Table]) -> f64 {
    mantel_haenszel(&tables.iter().map(Margins::of).collect::<Vec<_>>())
}
