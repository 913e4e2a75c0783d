use proptest::prelude::*;

use super::assert_close;
use crate::compare::proportion::{Table, difference, normal_p_value, p_value};

const fn table(hits: u64, size: u64, other_hits: u64, other_size: u64) -> Table {
    Table { hits, size, other_hits, other_size }
}

const Z: f64 = 1.959_963_984_540_054;

#[test]
fn newcombes_intervals() {
    // Newcombe 1998, table II, method 10.
    for (table, low, high) in [
        (table(56, 70, 48, 80), 0.0524, 0.3339),
        (table(9, 10, 3, 10), 0.1705, 0.8090),
        (table(6, 7, 2, 7), 0.0582, 0.8062),
        (table(5, 56, 0, 29), -0.0381, 0.1926),
        (table(0, 10, 0, 20), -0.1611, 0.2775),
        (table(0, 10, 0, 10), -0.2775, 0.2775),
        (table(10, 10, 0, 20), 0.6791, 1.0),
        (table(10, 10, 0, 10), 0.6075, 1.0),
    ] {
        let interval = difference(&[table], Z);
        assert_close(interval.low, low, 4);
        assert_close(interval.high, high, 4);
    }
}

#[test]
fn fishers_test() {
    // Fisher's tea taster, and the convicted twins: R's `fisher.test`.
    assert_close(p_value(&[table(3, 4, 1, 4)]).unwrap(), 0.4857, 4);
    assert_close(p_value(&[table(2, 12, 15, 18)]).unwrap(), 0.000_536_7, 7);
    assert_eq!(p_value(&[table(0, 9, 0, 5)]), None, "no hit says nothing");
    assert_eq!(p_value(&[table(9, 9, 5, 5)]), None);
}

#[test]
fn mantel_and_haenszels_test() {
    // R's `mantelhaen.test`: `UCBAdmissions` by department, and `Rabbits`.
    let admissions = [
        table(512, 825, 89, 108),
        table(353, 560, 17, 25),
        table(120, 325, 202, 593),
        table(138, 417, 131, 375),
        table(53, 191, 94, 393),
        table(22, 373, 24, 341),
    ];
    assert_close(normal_p_value(&admissions), 0.2323, 4);
    let rabbits =
        [table(0, 6, 0, 5), table(3, 6, 0, 6), table(6, 6, 2, 6), table(5, 6, 6, 6), table(2, 2, 5, 5)];
    assert_close(normal_p_value(&rabbits), 0.047_47, 5);
    assert_close(p_value(&rabbits).unwrap(), 0.039_94, 5);
}

#[test]
fn many_hits_are_as_good_as_exact() {
    let big = [table(30_000, 1_000_000, 29_600, 1_000_000)];
    assert_close(p_value(&big).unwrap(), normal_p_value(&big), 3);
    let strata = [table(20_000, 300_000, 19_800, 300_000); 40];
    let p = p_value(&strata).unwrap();
    assert!(p > 0.0 && p < 1e-6, "too much work for the exact distribution, and no less certain: {p}");
}

/// Of all ways to choose the first sample, those that leave its number of hits as improbable as the observed.
fn enumerated(table: &Table) -> f64 {
    let total = table.size + table.other_size;
    let hits = table.hits + table.other_hits;
    let mut ways = vec![0_u64; table.size as usize + 1];
    for choice in 0_u32..1 << total {
        if u64::from(choice.count_ones()) == table.size {
            // The first `hits` things have the property.
            ways[(choice & ((1 << hits) - 1)).count_ones() as usize] += 1;
        }
    }
    let limit = ways[table.hits as usize];
    let extreme: u64 = ways.iter().filter(|count| **count <= limit).sum();
    extreme as f64 / ways.iter().sum::<u64>() as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_exact_test_counts_all_ways(size in 1_u64..7, other_size in 1_u64..7, a: u64, b: u64) {
        let table = table(a % (size + 1), size, b % (other_size + 1), other_size);
        if let Some(p) = p_value(&[table]) {
            prop_assert!((p - enumerated(&table)).abs() < 1e-9, "{table:?}: {p}");
        }
    }

    #[test]
    fn an_interval_holds_its_estimate(tables in prop::collection::vec((1_u64..500, 1_u64..500, any::<u64>(), any::<u64>()), 1..5)) {
        let tables: Vec<_> = tables
            .into_iter()
            .map(|(size, other_size, a, b)| table(a % (size + 1), size, b % (other_size + 1), other_size))
            .collect();
        let found = difference(&tables, Z);
        prop_assert!(-1.0 - 1e-9 <= found.low && found.low <= found.value, "{found:?}");
        prop_assert!(found.value <= found.high && found.high <= 1.0 + 1e-9, "{found:?}");
        if let Some(p) = p_value(&tables) {
            prop_assert!((0.0..=1.0).contains(&p));
        }
    }
}
