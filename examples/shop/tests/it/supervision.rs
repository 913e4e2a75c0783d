//! However the shop ends, it ends whole.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use crate::sink::{Sink, Span};

#[tokio::test]
async fn users_of_all_lanes_come_until_ctrl_c() {
    let sink = Sink::start().await;
    let shop = start_shop(&sink.endpoint);
    sink.until(|spans| {
        let roots = || spans.iter().filter(|span| span.service == "traffic" && span.parent_id.is_empty());
        let seen = |lane: &str| roots().any(|root| root.lane() == lane);
        seen("base") && seen("grey-v2") && seen("loadtest") && spans.iter().any(|span| span.failed)
    })
    .await;
    let children = children_of(shop.id());
    assert_eq!(children.len(), 13);

    signal(shop.id(), "INT");
    end(shop).await;
    assert!(children.iter().all(|pid| has_ended(*pid)), "the shop waits for its children");
}

#[tokio::test]
async fn no_child_survives_a_killed_parent() {
    let sink = Sink::start().await;
    let mut shop = start_shop(&sink.endpoint);
    let children = children_of(shop.id());
    assert_eq!(children.len(), 13);

    signal(shop.id(), "KILL");
    shop.wait().unwrap();
    // They are nobody's children now, so there is nothing to wait on: look until they are gone.
    let deadline = Instant::now() + Duration::from_secs(15);
    while let Some(pid) = children.iter().find(|pid| !has_ended(**pid)) {
        assert!(Instant::now() < deadline, "process {pid} outlived its parent");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_child_that_dies_is_reported_and_the_rest_goes_on() {
    let sink = Sink::start().await;
    let mut shop = start_shop(&sink.endpoint);
    let cart = children_of(shop.id()).into_iter().find(|pid| is_instance(*pid, "cart", "grey-v2")).unwrap();
    signal(cart, "KILL");
    let mut complaints = BufReader::new(shop.stderr.take().unwrap()).lines();
    let complaint = complaints.find_map(|line| line.ok().filter(|line| line.starts_with("shop:"))).unwrap();
    assert!(complaint.starts_with("shop: cart (grey-v2) died: signal: 9"), "{complaint:?}");

    // Who is not in its lane notices nothing.
    let now = SystemTime::now();
    let sold = |span: &Span| span.name.ends_with("/checkout") && span.lane() == "base" && !span.failed;
    sink.until(|spans| spans.iter().any(|span| span.start > now && sold(span))).await;
    signal(shop.id(), "INT");
    end(shop).await;
}

/// Starts the shop's own binary, and waits until it says that it is up.
fn start_shop(otlp_endpoint: &str) -> Child {
    let mut shop = Command::new(env!("CARGO_BIN_EXE_laneway-shop"))
        .args(["run", "--rate", "200", "--otlp-endpoint", otlp_endpoint])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first_line = String::new();
    BufReader::new(shop.stdout.take().unwrap()).read_line(&mut first_line).unwrap();
    assert!(first_line.starts_with("shop up: 13 processes"), "{first_line:?}");
    shop
}

/// Waits until the shop has ended well. The sink goes on meanwhile: the last spans are on their way.
async fn end(mut shop: Child) {
    let status = tokio::task::spawn_blocking(move || shop.wait().unwrap()).await.unwrap();
    assert!(status.success(), "{status}");
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args(["-s", signal, &pid.to_string()]).status().unwrap().success());
}

/// The state and the parent of a process; none when it is gone.
fn stat(pid: u32) -> Option<(char, u32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    Some((fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

fn children_of(parent: u32) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent)).collect()
}

fn is_instance(pid: u32, service: &str, lane: &str) -> bool {
    let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.contains(&format!("--name\0{service}\0--lane\0{lane}\0"))
}

/// Whether it runs no more; it may still wait for somebody to read its exit status.
fn has_ended(pid: u32) -> bool {
    stat(pid).is_none_or(|(state, _)| state == 'Z')
}
