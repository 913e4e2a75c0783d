use super::*;

fn log_of(max_messages: usize, orders: &[&str]) -> Log {
    let log = Log::new(max_messages);
    for id in orders {
        let body = Order { id: (*id).into(), user: 1, payment_id: String::new(), items: Vec::new() };
        log.append(Message { headers: HashMap::new(), body });
    }
    log
}

#[track_caller]
fn check_read(log: &Log, from: u64, orders: &[&str], next: u64, lost: u64) {
    let batch = log.read(from);
    let found: Vec<_> = batch.messages.iter().map(|message| message.body.id.as_str()).collect();
    assert_eq!((found.as_slice(), batch.next, batch.lost), (orders, next, lost));
}

#[test]
fn each_consumer_reads_everything_once() {
    let log = log_of(10, &["a", "b"]);
    check_read(&log, 0, &["a", "b"], 2, 0);
    check_read(&log, 1, &["b"], 2, 0);
    check_read(&log, 2, &[], 2, 0);
}

#[test]
fn a_full_log_drops_its_oldest_and_says_so() {
    let log = log_of(2, &["a", "b", "c", "d"]);
    check_read(&log, 0, &["c", "d"], 4, 2);
    check_read(&log, 3, &["d"], 4, 0);
}

#[tokio::test]
async fn a_poll_wakes_up_for_a_message() {
    let log = Arc::new(log_of(2, &[]));
    let waiting = tokio::spawn({
        let log = Arc::clone(&log);
        async move { log.wait_for(0).await }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    log.append(log_of(1, &["a"]).read(0).messages.remove(0));
    waiting.await.unwrap();
}
