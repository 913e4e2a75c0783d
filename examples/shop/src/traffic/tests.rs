use std::collections::BTreeMap;

use super::*;

#[test]
fn the_same_seed_draws_the_same_visits() {
    let draw = |seed| -> Vec<Visit> {
        let mut dice = StdRng::seed_from_u64(seed);
        (0..50).map(|_| Visit::draw(&mut dice)).collect()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn the_users_are_spread_over_the_lanes() {
    let mut users: BTreeMap<Lane, u32> = BTreeMap::new();
    for user in 0..USERS {
        *users.entry(lane_of(user)).or_default() += 1;
    }
    let users: Vec<_> = users.iter().map(|(lane, users)| (lane.as_str(), *users)).collect();
    assert_eq!(users, [("base", 160), ("grey-v2", 30), ("loadtest", 10)]);
}
