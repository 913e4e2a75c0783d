use super::*;

#[test]
fn names_follow_the_rule() {
    for name in ["base", "a", "7", "grey-v2", "a.b_c-d", &"x".repeat(64)] {
        assert_eq!(Lane::new(name).unwrap().as_str(), name);
    }
    for name in ["", "-a", "a-", "Grey", "a b", "lane\n", "é", ".", &"x".repeat(65)] {
        assert_eq!(Lane::new(name), Err(InvalidLane), "{name:?}");
    }
}

#[test]
fn the_baseline_is_one_lane_however_it_is_made() {
    assert!(Lane::new("base").unwrap().is_base());
    assert_eq!(Lane::default(), Lane::base());
    let lanes = std::collections::HashSet::from([Lane::base(), Lane::new("grey-v2").unwrap()]);
    assert!(lanes.contains("base") && lanes.contains("grey-v2") && !lanes.contains("x"));
}
