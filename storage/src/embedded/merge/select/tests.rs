use super::*;

const LIMITS: Limits = Limits { rows: 10_000, bytes: 1_000_000, time_span_ns: 100 };

/// Parts of these levels, of 10 rows and one segment each.
fn parts(levels: &[u32]) -> Vec<Candidate> {
    let part = |(segment, &level): (u64, &u32)| Candidate {
        id: PartId { level, ..PartId::of_segment(segment) },
        rows: 10,
        bytes: 100,
        newest_unix_ns: 1_000,
    };
    (1..).zip(levels).map(part).collect()
}

fn chosen(parts: &[Candidate]) -> Option<Range<usize>> {
    choose(parts, LIMITS, false, |_, _| false)
}

#[test]
fn so_many_of_a_tier_make_one_of_the_next() {
    assert_eq!(chosen(&parts(&[0; FAN_IN - 1])), None);
    assert_eq!(chosen(&parts(&[0; FAN_IN])), Some(0..FAN_IN));
    assert_eq!(chosen(&parts(&[0; 3 * FAN_IN])), Some(0..FAN_IN));
    assert_eq!(chosen(&parts(&[1; FAN_IN])), Some(0..FAN_IN));
    assert_eq!(chosen(&parts(&[2; 3 * FAN_IN])), None);
}

#[test]
fn the_smallest_come_first() {
    let levels = [[1; FAN_IN], [0; FAN_IN]].concat();
    assert_eq!(chosen(&parts(&levels)), Some(FAN_IN..2 * FAN_IN));
}

#[test]
fn what_can_grow_no_more_is_merged_early() {
    // Closed in by parts that stay as they are.
    assert_eq!(chosen(&parts(&[2, 0, 0, 2])), Some(1..3));
    assert_eq!(chosen(&parts(&[2, 0, 2, 1, 2])), None);
    // More rows than a part may have.
    let mut large = parts(&[0; 4]);
    large[2].rows = 9_985;
    assert_eq!(chosen(&large), Some(0..2));
    // More bytes.
    let mut large = parts(&[0; 4]);
    large[2].bytes = LIMITS.bytes - 150;
    assert_eq!(chosen(&large), Some(0..2));
    // Too far apart in time.
    let mut old = parts(&[0; 5]);
    (old[3].newest_unix_ns, old[4].newest_unix_ns) = (1_101, 1_101);
    assert_eq!(chosen(&old), Some(0..3));
    old[1].newest_unix_ns = 899;
    assert_eq!(chosen(&old), None, "neighbours only");
}

#[test]
fn what_is_left_of_sealed_segments_is_merged_when_it_is_quiet() {
    let quiet = |levels: &[u32]| choose(&parts(levels), LIMITS, true, |_, _| false);
    assert_eq!(quiet(&[1, 0, 0, 0]), Some(1..4));
    assert_eq!(quiet(&[1, 1, 0]), None);
    assert_eq!(choose(&parts(&[0, 0, 0]), LIMITS, true, |before, _| before.id.last_segment == 2), Some(0..2));
}

#[test]
fn nothing_is_merged_across_an_open_segment() {
    let parts = parts(&[0; FAN_IN + 2]);
    let is_open = |at: u64| move |before: &Candidate, _: &Candidate| before.id.last_segment == at;
    assert_eq!(choose(&parts, LIMITS, false, is_open(1)), Some(1..FAN_IN + 1));
    assert_eq!(choose(&parts, LIMITS, false, is_open(4)), None);
}

#[test]
fn a_small_part_left_behind_by_deletions_is_merged_again() {
    let mut parts = parts(&[5; FAN_IN]);
    assert_eq!(chosen(&parts), Some(0..FAN_IN));
    parts.iter_mut().for_each(|part| part.rows = LIMITS.rows);
    assert_eq!(chosen(&parts), None);
}

/// What the module says of write amplification: seals in any number, three writes of a span at most.
#[test]
fn no_span_is_written_more_than_three_times() {
    let mut parts: Vec<(Candidate, u32)> = Vec::new();
    for segment in 1..=1_000 {
        let newest_unix_ns = segment / 3;
        parts.push((Candidate { id: PartId::of_segment(segment), rows: 10, bytes: 100, newest_unix_ns }, 1));
        while let Some(range) = chosen(&parts.iter().map(|(part, _)| *part).collect::<Vec<_>>()) {
            let merged: Vec<_> = parts.drain(range.clone()).collect();
            let inputs = merged.iter().map(|(part, _)| part);
            let part = Candidate {
                id: PartId {
                    first_segment: merged[0].0.id.first_segment,
                    last_segment: merged[merged.len() - 1].0.id.last_segment,
                    level: inputs.clone().map(|part| part.id.level + 1).max().unwrap(),
                },
                rows: inputs.clone().map(|part| part.rows).sum(),
                bytes: inputs.clone().map(|part| part.bytes).sum(),
                newest_unix_ns: inputs.map(|part| part.newest_unix_ns).max().unwrap(),
            };
            let written = merged.iter().map(|(_, written)| written + 1).max().unwrap();
            parts.insert(range.start, (part, written));
        }
    }
    assert!(parts.iter().all(|(_, written)| *written <= 3));
    // 1000 / 64, and what is not yet enough of tiers 0 and 1.
    assert!(parts.len() < 16 + 2 * FAN_IN, "{}", parts.len());
}
