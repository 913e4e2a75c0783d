use std::time::Duration;

use super::*;

const SPACE: Space = Space { free_bytes: 50, total_bytes: 1_000 };

/// Five parts of 10 bytes, whose newest spans started at 100, 200, ...
fn parts() -> Vec<Kept> {
    (1..=5).map(|i| Kept { newest_unix_ns: i * 100, bytes: 10 }).collect()
}

fn expired_of(options: RetentionOptions) -> usize {
    expired(&parts(), &options, 1_000, SPACE).all
}

fn none() -> RetentionOptions {
    RetentionOptions::default()
}

#[test]
fn by_age_a_part_goes_with_its_newest_span() {
    let kept_for = |ns| expired_of(RetentionOptions { max_age: Some(Duration::from_nanos(ns)), ..none() });
    assert_eq!([5_000, 900, 899, 700, 500, 499].map(kept_for), [0, 0, 1, 2, 4, 5]);
    assert_eq!(expired_of(none()), 0);
}

#[test]
fn by_bytes_the_oldest_go_first() {
    let within = |bytes| expired_of(RetentionOptions { max_bytes: Some(bytes), ..none() });
    assert_eq!([100, 50, 49, 40, 39, 0].map(within), [0, 0, 1, 1, 2, 5]);
}

#[test]
fn by_free_space_the_newest_part_stays() {
    let free = |bytes| expired_of(RetentionOptions { min_free_bytes: bytes, ..none() });
    assert_eq!([0, 50, 51, 60, 61, 5_000].map(free), [0, 0, 1, 1, 2, 4]);
    let free = |percent| expired_of(RetentionOptions { min_free_percent: percent, ..none() });
    assert_eq!([5, 6, 7, 100].map(free), [0, 1, 2, 4]);
    assert_eq!(expired(&[], &RetentionOptions { min_free_percent: 50, ..none() }, 0, SPACE).all, 0);
}

#[test]
fn the_strictest_rule_counts() {
    let age = RetentionOptions { max_age: Some(Duration::from_nanos(700)), ..none() };
    assert_eq!(expired_of(RetentionOptions { max_bytes: Some(0), ..age.clone() }), 5);
    assert_eq!(expired_of(RetentionOptions { max_bytes: Some(45), ..age }), 2);
}

#[test]
fn what_goes_for_want_of_space_is_told_from_what_is_too_old() {
    let age = RetentionOptions { max_age: Some(Duration::from_nanos(700)), ..none() };
    let both = RetentionOptions { max_bytes: Some(15), ..age };
    assert_eq!(expired(&parts(), &both, 1_000, SPACE), Expired { by_age: 2, all: 4 });
}
