use std::sync::Arc;

use loom::thread;

use super::depot::Depot;
use super::ring::Ring;

/// The producer puts three records through a ring that holds two, while another thread collects: every record that was taken
/// in comes out, whole, once, and in order.
#[test]
fn records_come_out_whole_and_in_order() {
    loom::model(|| {
        let mut producer = Ring::with_capacity(4);
        let ring = producer.ring().clone();
        let collector = thread::spawn(move || {
            let mut out = Vec::new();
            ring.collect(&mut out);
            ring.collect(&mut out);
            out
        });
        let mut taken = Vec::new();
        for record in [[1, 2], [3, 4], [5, 6]] {
            if producer.push(&record) {
                taken.extend(record);
            }
        }
        let ring = producer.ring().clone();
        drop(producer);
        let mut out = collector.join().unwrap();
        assert!(ring.is_abandoned());
        ring.collect(&mut out);
        assert_eq!(out, taken);
        assert!(taken.len() >= 4, "there is room for two records at least");
    });
}

/// A record that lies around the end of the ring.
#[test]
fn a_record_may_lie_around_the_end() {
    loom::model(|| {
        let mut producer = Ring::with_capacity(4);
        let mut out = Vec::new();
        assert!(producer.push(&[1, 2, 3]));
        producer.ring().collect(&mut out);
        let ring = producer.ring().clone();
        let collector = thread::spawn(move || {
            let mut out = Vec::new();
            ring.collect(&mut out);
            out
        });
        assert!(producer.push(&[4, 5, 6]));
        out.extend(collector.join().unwrap());
        producer.ring().collect(&mut out);
        assert_eq!(out, [1, 2, 3, 4, 5, 6]);
    });
}

/// The exporter and the thread itself, whose ring is full, collect at once: nothing is taken twice.
#[test]
fn two_may_collect() {
    loom::model(|| {
        let mut producer = Ring::with_capacity(2);
        assert!(producer.push(&[1, 2]));
        let ring = producer.ring().clone();
        let exporter = thread::spawn(move || {
            let mut out = Vec::new();
            ring.collect(&mut out);
            out
        });
        let mut own = Vec::new();
        producer.ring().collect(&mut own);
        // Whoever took it, it is out now or will be: the lock orders the two.
        let pushed = producer.push(&[3]);
        producer.ring().collect(&mut own);
        let mut all = exporter.join().unwrap();
        all.extend(own);
        all.sort_unstable();
        assert!(pushed);
        assert_eq!(all, [1, 2, 3]);
    });
}

/// What a thread left when it went is seen by whoever sees that it went.
#[test]
fn nothing_is_left_behind() {
    loom::model(|| {
        let mut producer = Ring::with_capacity(2);
        let ring = producer.ring().clone();
        let thread = thread::spawn(move || {
            assert!(producer.push(&[7]));
        });
        let is_abandoned = ring.is_abandoned();
        let mut out = Vec::new();
        ring.collect(&mut out);
        if is_abandoned {
            assert_eq!(out, [7]);
        }
        thread.join().unwrap();
    });
}

/// Items go from one thread to another through the depot; none is lost or there twice.
#[test]
fn the_depot_hands_each_item_out_once() {
    loom::model(|| {
        let depot = Arc::new(Depot::with_capacity(8));
        let giver = {
            let depot = depot.clone();
            thread::spawn(move || {
                let mut stock = vec![1, 2, 3];
                depot.give(&mut stock, 1);
                depot.take(&mut stock, 1);
                stock
            })
        };
        let mut stock = Vec::new();
        depot.take(&mut stock, 2);
        let mut all = giver.join().unwrap();
        depot.take(&mut all, 9);
        all.extend(stock);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    });
}

/// Beyond its capacity the depot drops.
#[test]
fn the_depot_is_bounded() {
    loom::model(|| {
        let depot = Depot::with_capacity(2);
        let mut stock = vec![1, 2, 3, 4];
        depot.give(&mut stock, 0);
        assert!(stock.is_empty());
        depot.take(&mut stock, 9);
        assert_eq!(stock, [1, 2]);
    });
}
