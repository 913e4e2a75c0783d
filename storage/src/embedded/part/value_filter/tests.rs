use super::super::needles;
use super::*;

fn may_have(filter: &[u8], hash: u64) -> bool {
    let place = Place::of(hash, filter.len()).unwrap();
    place.may_have(hash, &filter[place.offset..][..place.checked_len()]).unwrap()
}

/// Hashes of values, which are others for each seed.
fn hashes(seed: u64, count: u64) -> Vec<u64> {
    (0..count).map(|i| needles::hash(&(seed << 32 | i).to_le_bytes())).collect()
}

#[test]
fn every_value_is_found_and_few_others() {
    // Less than a block, a chunk and a bit, many chunks.
    for count in [0, 1, 20, 1_700, 50_000] {
        let known = hashes(1, count);
        let filter = filter(&known);
        assert!(known.iter().all(|&hash| may_have(&filter, hash)), "{count}");
        let wrong = hashes(2, 10_000).into_iter().filter(|&hash| may_have(&filter, hash)).count();
        assert!(wrong <= 200, "{wrong} of 10,000 with {count} values");
    }
}

#[test]
fn a_damaged_chunk_is_noticed() {
    let known = hashes(1, 5_000);
    let mut filter = filter(&known);
    let place = Place::of(known[0], filter.len()).unwrap();
    filter[place.offset + 5] ^= 1;
    assert!(place.may_have(known[0], &filter[place.offset..][..place.checked_len()]).is_err());
    assert!(Place::of(1, 0).is_err() && Place::of(1, CRC_BYTES).is_err());
}

#[test]
fn there_is_a_filter_only_of_values_that_are_all_known_and_not_too_many() {
    let add = |groups: &[(Option<u64>, bool)]| {
        let mut all = ValueHashes::default();
        for (seed, (count, has_many)) in groups.iter().enumerate() {
            all.add(count.map(|count| hashes(seed as u64, count)), *has_many);
        }
        all.into_filter(10_000).is_some()
    };
    assert!(add(&[(Some(600), true), (Some(400), false)]));
    assert!(!add(&[(Some(600), true), (Some(401), false)]), "too many for the rows");
    assert!(!add(&[(Some(600), false)]), "a dictionary tells as well");
    assert!(!add(&[(Some(600), true), (None, false), (Some(1), true)]), "some were not hashed");
    // The same ones again and again are not many.
    let mut all = ValueHashes::default();
    (0..2_000).for_each(|_| all.add(Some(hashes(1, 1_000)), true));
    assert!(all.into_filter(10_000).is_some());
}
