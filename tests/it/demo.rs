//! `laneway demo`: the collector and a shop of services with lanes and traffic, in one command.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use laneway_e2e::Laneway;
use rustix::process::{Pid, Signal, test_kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// From the ready line to traces of the whole shop. It takes seconds; the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn the_shop_reports_traces_of_its_services_and_lanes_and_leaves_nothing_running() {
    let dir = TempDir::new().unwrap();
    let server = Laneway::start_command("demo", dir.path(), &["--requests-per-second", "20"]).await;
    let (mut services, mut lanes) = (BTreeSet::new(), BTreeSet::new());
    let began = Instant::now();
    while services.len() < 6 || lanes.len() < 3 {
        assert!(
            began.elapsed() < PATIENCE,
            "only services {services:?} in lanes {lanes:?}\n{}",
            server.log()
        );
        // Traces come when the shop's users do: there is nothing to await but their spans.
        tokio::time::sleep(Duration::from_millis(100)).await;
        for trace in server.get_ok("/api/v1/traces", &[("limit", "1000")]).await["traces"].as_array().unwrap()
        {
            // A whole request: its root is here, and it crossed services.
            if trace["rootReceived"] == true && names(&trace["services"]).len() > 1 {
                services.extend(names(&trace["services"]));
                lanes.extend(names(&trace["lanes"]));
            }
        }
    }
    assert!(lanes.contains("base"), "{lanes:?}");

    let children = descendants(server.pid());
    assert!(!children.is_empty(), "services of the shop are processes");
    server.signal(Signal::INT);
    let (status, _) = server.wait().await;
    assert!(status.success(), "{status}");
    let still_there: Vec<i32> = children.into_iter().filter(|pid| is_running(*pid)).collect();
    assert!(still_there.is_empty(), "{still_there:?} outlived the demo");
}

fn names(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The processes that descend from this one.
fn descendants(pid: i32) -> Vec<i32> {
    // Every thread has a list of the processes that it started.
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists: String =
        tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok()).collect();
    let children = lists.split_whitespace().map(|child| child.parse().unwrap());
    children.flat_map(|child| std::iter::once(child).chain(descendants(child))).collect()
}

/// Whether the process exists and is not merely waiting for its parent to notice its end.
fn is_running(pid: i32) -> bool {
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok() && !state.contains(") Z ")
}
