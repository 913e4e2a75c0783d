use super::*;

#[test]
fn the_counter_keeps_the_system_s_time() {
    let clock = Clock::new();
    std::thread::sleep(BASELINE);
    clock.adjust();
    let start = clock.now();
    std::thread::sleep(Duration::from_millis(30));
    let end = clock.unix_ns_since(&start);
    assert!(end - start.unix_ns >= 30_000_000, "no shorter than the sleep: {}", end - start.unix_ns);
    let (before, now, after) = (unix_ns(), clock.now().unix_ns, unix_ns());
    // A millisecond is far beyond the error of the comparison, and far below what a wrong scale would show.
    assert!(
        before <= now + 1_000_000 && now <= after + 1_000_000,
        "{now} is not between {before} and {after}"
    );
}

#[test]
fn before_the_first_comparison_the_system_is_asked() {
    let clock = Clock { ticks: Ticks::TimeStampCounter, ..Clock::new() };
    clock.anchor.store(Anchor { ticks: 0, unix_ns: 0, scale: 0 });
    let before = unix_ns();
    let start = clock.now();
    assert!(before <= start.unix_ns && start.unix_ns <= clock.unix_ns_since(&start));
    let ahead = Moment { unix_ns: u64::MAX, ..start };
    assert_eq!(
        clock.unix_ns_since(&ahead),
        u64::MAX,
        "a clock that was set back ends no span before it began"
    );
}

#[test]
fn a_new_anchor_does_not_change_how_long_a_span_took() {
    let clock = Clock::new();
    clock.anchor.store(Anchor { ticks: 0, unix_ns: 1_000, scale: 1 << 32 });
    let start = clock.now();
    // The wall clock is set back by a year.
    clock.anchor.store(Anchor { ticks: start.ticks, unix_ns: 0, scale: 1 << 32 });
    assert!(clock.unix_ns_since(&start) >= start.unix_ns);
}

#[test]
fn readers_never_see_half_an_anchor() {
    let published = Published::new(Anchor { ticks: 0, unix_ns: 0, scale: 0 });
    std::thread::scope(|scope| {
        scope.spawn(|| (1..20_000).for_each(|n| published.store(Anchor { ticks: n, unix_ns: n, scale: n })));
        for _ in 0..20_000 {
            let (_, Anchor { ticks, unix_ns, scale }) = published.load();
            assert!(ticks == unix_ns && unix_ns == scale);
        }
    });
}
