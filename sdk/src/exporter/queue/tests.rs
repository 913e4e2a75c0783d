use super::*;

const LIMITS: QueueLimits = QueueLimits { max_spans: 5, max_bytes: 100, chunk_spans: 2, chunk_bytes: 40 };

fn dropped(queue: &Queue) -> u64 {
    queue.counters().dropped()
}

#[test]
fn spans_leave_in_chunks_and_in_order() {
    let queue = Queue::new(LIMITS);
    for span in 0..3_u8 {
        queue.push(&[span; 4]);
    }
    assert_eq!(queue.take_full().map(|chunk| chunk.bytes), Some(vec![0, 0, 0, 0, 1, 1, 1, 1]));
    assert!(queue.take_full().is_none(), "the second chunk has room");
    assert_eq!(queue.take().map(|chunk| (chunk.bytes, chunk.spans)), Some((vec![2; 4], 1)));
    assert!(queue.take().is_none());
}

#[test]
fn a_chunk_that_the_next_span_does_not_fit_is_full() {
    let queue = Queue::new(LIMITS);
    queue.push(&[0; 30]);
    assert!(queue.take_full().is_none());
    queue.push(&[1; 20]);
    assert_eq!(queue.take_full().map(|chunk| chunk.spans), Some(1));
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let queue = Queue::new(LIMITS);
    for _ in 0..7 {
        queue.push(&[0]);
    }
    assert_eq!(dropped(&queue), 2, "five spans fit");

    let queue = Queue::new(LIMITS);
    for _ in 0..4 {
        queue.push(&[0; 30]);
    }
    assert_eq!(dropped(&queue), 1, "90 bytes fit");
    queue.push(&[0; 41]);
    assert_eq!(dropped(&queue), 2, "no chunk could hold it");

    queue.take();
    queue.push(&[0; 30]);
    assert_eq!(dropped(&queue), 2, "room again");
    queue.close();
    queue.push(&[0]);
    assert_eq!(dropped(&queue), 3);
}

#[tokio::test]
async fn the_exporter_is_woken_when_a_chunk_is_full() {
    let queue = Queue::new(LIMITS);
    queue.push(&[0]);
    queue.push(&[0]);
    queue.ready().await;
}
