//! Random histories of a log directory against a model of what must, may and must not be read back.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::fault::{Call, FaultFs, Keep};
use super::super::{WalError, WalFile, WalOptions};
use super::{Bench, append, payloads, replay};
use crate::testing::Random;

type Payload = Vec<u8>;

#[derive(Debug, Clone)]
enum Action {
    Append {
        lengths: Vec<usize>,
        then_sync: bool,
    },
    Sync,
    /// The segment's part was committed.
    Seal,
    Prepare,
    /// The kernel writes some of what is dirty.
    WriteBack(u64),
    FreeSpace(Option<u64>),
    ShortWrites(bool),
    FailNext(Call),
    /// The process dies and recovers; this many of the logs it finds become parts before something else happens.
    Kill {
        released: usize,
    },
    PowerCut {
        keep: Keep,
        seed: u64,
        released: usize,
    },
}

fn action() -> impl Strategy<Value = Action> {
    let lengths = prop::collection::vec(prop_oneof![0..40usize, 400..1500usize], 0..6);
    let call = prop::sample::select(vec![Call::Write, Call::Sync, Call::SetLen, Call::Rename, Call::SyncDir]);
    let keep = prop::sample::select(vec![Keep::Nothing, Keep::Everything, Keep::Anything, Keep::Anything]);
    prop_oneof![
        12 => (lengths, any::<bool>()).prop_map(|(lengths, then_sync)| Action::Append { lengths, then_sync }),
        2 => Just(Action::Sync),
        3 => Just(Action::Seal),
        1 => Just(Action::Prepare),
        2 => any::<u64>().prop_map(Action::WriteBack),
        2 => prop::option::of(0..20_000u64).prop_map(Action::FreeSpace),
        1 => any::<bool>().prop_map(Action::ShortWrites),
        1 => call.prop_map(Action::FailNext),
        1 => (0..3usize).prop_map(|released| Action::Kill { released }),
        3 => (keep, any::<u64>(), 0..3usize)
            .prop_map(|(keep, seed, released)| Action::PowerCut { keep, seed, released }),
    ]
}

/// What a log may hold.
#[derive(Debug, Default)]
struct Expected {
    /// Must be read.
    synced: Vec<Payload>,
    /// Appended since; a prefix may be read.
    unsynced: Vec<Payload>,
    /// A group whose append failed in a way that poisoned the log; a prefix may be read behind `unsynced`.
    failed: Vec<Payload>,
}

impl Expected {
    fn sync(&mut self) {
        self.synced.append(&mut self.unsynced);
    }

    fn check(&self, read: &[Payload]) {
        let all = [&self.synced[..], &self.unsynced, &self.failed].concat();
        assert!(read.len() >= self.synced.len(), "{} synced, {} read", self.synced.len(), read.len());
        assert!(all.starts_with(read), "read something else than was appended");
    }
}

struct World {
    bench: Bench,
    log: Option<WalFile<FaultFs>>,
    poisoned: bool,
    space_is_limited: bool,
    /// The logs that are not released.
    live: BTreeMap<u64, Expected>,
    released: BTreeSet<u64>,
    next_segment: u64,
    seed: u64,
}

impl World {
    fn new() -> Self {
        Self {
            bench: Bench::new(WalOptions { spare_bytes: 20_000, ..WalOptions::default() }),
            log: None,
            poisoned: false,
            space_is_limited: false,
            live: BTreeMap::new(),
            released: BTreeSet::new(),
            next_segment: 1,
            seed: 0,
        }
    }

    fn run(&mut self, action: Action) {
        match action {
            Action::Append { lengths, then_sync } => {
                self.append(&lengths);
                if then_sync {
                    self.sync();
                }
            }
            Action::Sync => self.sync(),
            Action::Seal => self.seal(),
            // May fail for lack of space; then there is no spare file.
            Action::Prepare => drop(self.bench.dir.prepare()),
            Action::WriteBack(seed) => self.bench.fs.write_back(&mut Random::new(seed)),
            Action::FreeSpace(bytes) => {
                self.space_is_limited = bytes.is_some();
                self.bench.fs.set_free_space(bytes);
            }
            Action::ShortWrites(short) => self.bench.fs.set_short_writes(short),
            Action::FailNext(call) => self.bench.fs.fail_next(call),
            Action::Kill { released } => self.recover(released, false),
            Action::PowerCut { keep, seed, released } => {
                self.bench.fs.power_cut(keep, &mut Random::new(seed));
                self.recover(released, true);
            }
        }
    }

    fn append(&mut self, lengths: &[usize]) {
        self.seed += 1;
        let group = payloads(self.seed, lengths);
        if self.log.is_none() {
            // If it fails, the next append tries again.
            let Ok(log) = self.bench.dir.create(self.next_segment) else { return };
            self.live.insert(log.segment(), Expected::default());
            self.log = Some(log);
            self.next_segment += 1;
        }
        let log = self.log.as_mut().unwrap();
        let expected = self.live.get_mut(&log.segment()).unwrap();
        let appended = append(log, &group);
        match appended {
            Ok(_) => {
                assert!(!self.poisoned);
                expected.unsynced.extend(group);
            }
            Err(WalError::DiskFull { .. }) => {
                assert!(!self.poisoned && self.space_is_limited);
                expected.sync();
            }
            Err(error) => {
                assert!(error.is_poisoned());
                if !self.poisoned {
                    expected.failed = group;
                }
                self.poisoned = true;
            }
        }
    }

    fn sync(&mut self) {
        let Some(log) = &mut self.log else { return };
        match log.sync() {
            Ok(()) => {
                assert!(!self.poisoned);
                self.live.get_mut(&log.segment()).unwrap().sync();
            }
            Err(error) => {
                assert!(error.is_poisoned());
                self.poisoned = true;
            }
        }
    }

    fn seal(&mut self) {
        if self.poisoned {
            return;
        }
        if let Some(log) = self.log.take() {
            self.release(log.segment());
        }
    }

    fn release(&mut self, segment: u64) {
        // What cannot be released now, or is undone by a crash, is found and released by a later recovery.
        drop(self.bench.dir.release(segment));
        self.live.remove(&segment);
        self.released.insert(segment);
    }

    fn recover(&mut self, to_release: usize, all_is_on_disk: bool) {
        (self.log, self.poisoned) = (None, false);
        self.bench.fs.fail_no_more();
        self.bench.reopen();
        let found: Vec<_> = self.bench.dir.list().unwrap().into_iter().map(|log| log.segment).collect();
        for segment in self.live.keys() {
            assert!(found.contains(segment), "log {segment} is gone");
        }
        for segment in found.iter().copied() {
            if self.released.contains(&segment) {
                self.bench.dir.release(segment).unwrap();
                continue;
            }
            let (read, end) = replay(&self.bench.dir, segment);
            assert_eq!(end.corrupt.places, 0);
            let Some(expected) = self.live.get_mut(&segment) else {
                assert!(read.is_empty(), "creating it was reported as failed");
                self.bench.dir.release(segment).unwrap();
                continue;
            };
            expected.check(&read);
            if all_is_on_disk {
                *expected = Expected { synced: read, ..Expected::default() };
            }
        }
        self.next_segment = self.next_segment.max(found.last().map_or(0, |last| last + 1));
        for segment in self.live.keys().copied().take(to_release).collect::<Vec<_>>() {
            self.release(segment);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_synced_is_read_once_and_in_order_and_nothing_is_invented(
        actions in prop::collection::vec(action(), 1..60),
        past_the_page_cache in any::<bool>(),
    ) {
        let mut world = World::new();
        if past_the_page_cache {
            world.bench.fs.allow_direct();
        }
        for action in actions {
            world.run(action);
        }
        world.run(Action::PowerCut { keep: Keep::Anything, seed: 1, released: 0 });
        world.run(Action::PowerCut { keep: Keep::Nothing, seed: 1, released: 9 });
    }
}
