//! What whoever starts the binary sees: the ready line, exit codes, messages, signals.

use std::net::TcpListener;
use std::process::Output;

use laneway_e2e::{Laneway, binary};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// `EX_USAGE`: a wrong flag, or a wrong configuration.
const USAGE: Option<i32> = Some(64);
const FREE_PORTS: [&str; 6] =
    ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--http", "127.0.0.1:0"];

fn stderr(output: &Output) -> String {
    assert!(output.stdout.is_empty(), "standard output is for what was asked for: {output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Starts a server over this directory that cannot serve; returns what it says.
fn refused_start(data_dir: &str, args: &[&str]) -> String {
    let output = binary::run(&[&["serve", "--data-dir", data_dir], args].concat());
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    stderr(&output)
}

#[tokio::test]
async fn it_serves_without_a_command_and_ends_with_success_on_either_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let dir = TempDir::new().unwrap();
        let server = Laneway::start(dir.path(), &[]).await;
        server.get_ok("/api/v1/services", &[]).await;
        assert_ne!(server.http.port(), server.otlp_http.port());
        server.signal(signal);
        let (status, stdout) = server.wait().await;
        assert!(status.success(), "{status}");
        assert_eq!(stdout, "", "the ready line is all there is on standard output");
    }
}

#[test]
fn a_wrong_flag_is_a_usage_error() {
    let output = binary::run(&["serve", "--no-such-flag"]);
    assert_eq!(output.status.code(), USAGE);
    assert!(stderr(&output).contains("--no-such-flag"));
    assert!(binary::run(&["--help"]).status.success());
    assert!(binary::run(&["--version"]).status.success());
}

#[test]
fn every_problem_of_a_configuration_is_in_one_message_and_nothing_is_bound() {
    let dir = TempDir::new().unwrap();
    let data_dir = dir.path().join("data");
    let config = dir.path().join("laneway.toml");
    std::fs::write(&config, "http = \"127.0.0.1\"\n[wal]\nsink = \"always\"\n[segment]\nmax_spans = 5\n")
        .unwrap();
    let args = [
        "--config",
        config.to_str().unwrap(),
        "--data-dir",
        data_dir.to_str().unwrap(),
        "--otlp-grpc",
        "nowhere",
    ];
    for command in ["serve", "check-config"] {
        let output = binary::run(&[&[command], &args[..]].concat());
        assert_eq!(output.status.code(), USAGE, "{command}");
        let message = stderr(&output);
        for problem in ["http", "wal.sink", "segment.max_spans", "--otlp-grpc"] {
            assert!(message.contains(problem), "{problem} is not in\n{message}");
        }
    }
    assert!(!data_dir.exists(), "a refused configuration leaves nothing behind");
}

#[test]
fn a_public_address_needs_a_word_to_say_so() {
    let dir = TempDir::new().unwrap();
    let data_dir = dir.path().to_str().unwrap();
    let output = binary::run(&["serve", "--data-dir", data_dir, "--http", "0.0.0.0:0"]);
    assert_eq!(output.status.code(), USAGE);
    assert!(stderr(&output).contains("insecure-public"));
}

#[test]
fn a_checked_configuration_is_printed_as_a_file_that_says_the_same() {
    let first = binary::run(&["check-config", "--http", "127.0.0.1:1234"]);
    assert!(first.status.success());
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("laneway.toml");
    std::fs::write(&file, &first.stdout).unwrap();
    let second = binary::run(&["check-config", "--config", file.to_str().unwrap()]);
    assert_eq!(String::from_utf8_lossy(&second.stdout), String::from_utf8_lossy(&first.stdout));
    assert!(String::from_utf8_lossy(&first.stdout).contains("127.0.0.1:1234"));
}

#[tokio::test]
async fn a_second_process_cannot_have_the_same_data() {
    let dir = TempDir::new().unwrap();
    let server = Laneway::start(dir.path(), &[]).await;
    let message = refused_start(dir.path().to_str().unwrap(), &FREE_PORTS);
    assert!(message.contains("another process"), "{message}");
    // The first goes on, and the lock ends with it.
    server.get_ok("/readyz", &[]).await;
    assert!(server.restart().await.terminate().await.success());
}

#[test]
fn a_data_directory_that_cannot_be_one_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in [file.path().to_str().unwrap(), "/proc/laneway"] {
        let message = refused_start(path, &FREE_PORTS);
        assert!(message.contains(path), "{message}");
        assert!(!message.contains("panicked"), "{message}");
    }
}

#[test]
fn a_busy_port_is_named_with_the_listener_it_is_for() {
    let dir = TempDir::new().unwrap();
    let busy = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = busy.local_addr().unwrap().to_string();
    for listener in [1, 3, 5] {
        let mut args = FREE_PORTS;
        args[listener] = &addr;
        let message = refused_start(dir.path().to_str().unwrap(), &args);
        assert!(message.contains(&addr), "{message}");
    }
}

/// A request whose body has not arrived keeps the drain waiting; a second signal does not wait.
#[tokio::test]
async fn a_second_signal_ends_a_drain_at_once() {
    let dir = TempDir::new().unwrap();
    let config = dir.path().join("laneway.toml");
    std::fs::write(&config, "[shutdown]\ndrain_deadline = \"10m\"\n[limits]\nbody_read_timeout = \"10m\"\n")
        .unwrap();
    let data_dir = dir.path().join("data");
    let server = Laneway::start(&data_dir, &["--config", config.to_str().unwrap()]).await;
    let mut slow = TcpStream::connect(server.otlp_http).await.unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\n";
    slow.write_all(head.as_bytes()).await.unwrap();
    // Answered on another connection only after the server has seen the first: its accept loop is in order.
    server.export("application/x-protobuf", Vec::new()).await;

    server.signal(Signal::TERM);
    while !server.log().contains("draining") {
        tokio::task::yield_now().await;
    }
    server.signal(Signal::TERM);
    let (status, _) = server.wait().await;
    assert_eq!(status.code(), Some(1));
}
