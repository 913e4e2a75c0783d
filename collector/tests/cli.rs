//! The built binary: flags, exit codes, the ready line, signals.
#![allow(clippy::unwrap_used, reason = "these are tests, and so are their helpers")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

fn laneway(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_laneway"));
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn output(args: &[&str]) -> Output {
    laneway(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// `laneway serve` on free ports.
struct Serving {
    child: Child,
    stdout: BufReader<ChildStdout>,
    ready_line: String,
}

impl Serving {
    fn start(data_dir: &Path) -> Self {
        let mut command = laneway(&["serve", "--data-dir", data_dir.to_str().unwrap()]);
        for flag in ["--http", "--otlp-grpc", "--otlp-http"] {
            command.args([flag, "127.0.0.1:0"]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut ready_line = String::new();
        stdout.read_line(&mut ready_line).unwrap();
        Self { child, stdout, ready_line }
    }

    /// An address of the ready line.
    fn address(&self, name: &str) -> String {
        let part =
            self.ready_line.split_whitespace().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        part.unwrap().to_owned()
    }

    fn signal(&self) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// Waits for the end: exit code, what came on standard output after the ready line, standard error.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        self.stdout.read_to_string(&mut stdout).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stdout, stderr)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_until_it_is_told_to_end() {
    let dir = TempDir::new().unwrap();
    let serving = Serving::start(&dir.path().join("data"));
    let (http, grpc, otlp) =
        (serving.address("http"), serving.address("otlp_grpc"), serving.address("otlp_http"));
    assert_eq!(serving.ready_line, format!("laneway ready http={http} otlp_grpc={grpc} otlp_http={otlp}\n"));
    for address in [http, grpc, otlp] {
        assert!(!address.ends_with(":0"), "{address}");
        TcpStream::connect(address).unwrap();
    }
    serving.signal();
    let (code, stdout, stderr) = serving.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert_eq!(stdout, "");
}

#[test]
fn a_second_signal_exits_at_once() {
    let dir = TempDir::new().unwrap();
    let mut serving = Serving::start(dir.path());
    // A request whose body does not come holds up the drain.
    let mut stuck = TcpStream::connect(serving.address("otlp_http")).unwrap();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 9\r\n\r\nx";
    stuck.write_all(head.as_bytes()).unwrap();
    // An answer on another connection shows that the first was accepted before it.
    let mut other = TcpStream::connect(serving.address("otlp_http")).unwrap();
    other.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    other.read_exact(&mut [0; 12]).unwrap();

    serving.signal();
    let mut log = BufReader::new(serving.child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("draining") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "no word of draining");
    }
    serving.signal();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(serving.child.wait().unwrap().code(), Some(1));
    assert!(rest.contains("SIGTERM came while draining"), "{rest}");
}

#[test]
fn a_wrong_flag_exits_with_64() {
    let output = output(&["--bogus"]);
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("--bogus"));
}

#[test]
fn help_and_version_succeed() {
    for flag in ["--help", "--version"] {
        assert_eq!(output(&[flag]).status.code(), Some(0));
    }
}

#[test]
fn a_bad_configuration_exits_with_64_and_leaves_nothing() {
    let dir = TempDir::new().unwrap();
    let (config, data) = (dir.path().join("laneway.toml"), dir.path().join("data"));
    std::fs::write(&config, "wal.sync = 'sometimes'\nlimits.connections = 0").unwrap();
    let args =
        ["--config", config.to_str().unwrap(), "--data-dir", data.to_str().unwrap(), "--http", "0.0.0.0:0"];
    let output = output(&args);
    assert_eq!(output.status.code(), Some(64));
    for key in ["wal.sync", "limits.connections", "http = \"0.0.0.0:0\""] {
        assert!(stderr(&output).contains(key), "{key} is missing: {}", stderr(&output));
    }
    assert!(!data.exists());
}

#[test]
fn check_config_prints_what_would_apply() {
    let output = laneway(&["check-config", "--http", "127.0.0.1:1"])
        .env("LANEWAY_WAL_SYNC", "never")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.contains("http = \"127.0.0.1:1\"") && printed.contains("sync = \"never\""), "{printed}");
    assert_eq!(laneway(&["check-config", "--http", "x"]).output().unwrap().status.code(), Some(64));
}

#[test]
fn a_wrong_log_filter_exits_with_64() {
    let output = laneway(&["check-config"]).env("LANEWAY_LOG", "info,==").output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(stderr(&output).contains("LANEWAY_LOG"), "{}", stderr(&output));
}

#[test]
fn a_busy_port_is_named_with_its_flag() {
    let dir = TempDir::new().unwrap();
    let serving = Serving::start(&dir.path().join("first"));
    let busy = serving.address("otlp_grpc");
    let data = dir.path().join("second");
    let output = output(&[
        "--otlp-grpc",
        &busy,
        "--http",
        "127.0.0.1:0",
        "--otlp-http",
        "127.0.0.1:0",
        "--data-dir",
        data.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1));
    let stderr = stderr(&output);
    assert!(stderr.starts_with(&format!("laneway: cannot listen on {busy} (--otlp-grpc): ")), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(!data.exists(), "the store was touched");
}

/// Serving from this data directory fails, and says which directory it is.
#[track_caller]
fn assert_refuses_data_dir(data: &str) {
    let output = output(&[
        "--otlp-grpc",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--otlp-http",
        "127.0.0.1:0",
        "--data-dir",
        data,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(data), "{}", stderr(&output));
}

#[test]
fn a_locked_data_directory_is_named() {
    let dir = TempDir::new().unwrap();
    let _serving = Serving::start(dir.path());
    let data = dir.path().to_str().unwrap();
    assert_refuses_data_dir(data);
}

#[test]
fn an_unusable_data_directory_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let data = file.join("data");
    let data = data.to_str().unwrap();
    assert_refuses_data_dir(data);
}
