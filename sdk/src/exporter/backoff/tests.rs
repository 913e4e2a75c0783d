use super::*;

#[test]
fn waits_double_up_to_five_seconds() {
    let mut backoff = Backoff::new();
    for base_ms in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
        let base = Duration::from_millis(base_ms);
        let wait = backoff.wait(None);
        assert!(wait >= base / 2 && wait <= base, "{wait:?} for {base:?}");
    }
}

#[test]
fn the_peer_is_given_the_time_it_asked_for() {
    let asked_for = Duration::from_secs(7);
    let wait = Backoff::new().wait(Some(asked_for));
    assert!(wait >= asked_for && wait <= asked_for + Duration::from_millis(50), "{wait:?}");
}
