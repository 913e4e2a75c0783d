//! ClickHouse's engine behind its HTTP interface: `tests/python/clickhouse.py`, as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// What goes wrong with a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed before anything is done.
    Refuse,
    /// Nothing happens until [`ClickHouseFront::release`], and the connection is closed then.
    Stall,
    /// Nothing happens until then; then the statement is done, although nobody may wait for it any more.
    Late,
    /// The statement is done, and the connection closed before the answer.
    Lose,
    /// The answer is 500, and nothing is done.
    Error,
}

/// A running engine. It ends when this is dropped.
#[derive(Debug)]
pub struct ClickHouseFront {
    address: SocketAddr,
    child: Child,
    // It ends when this is closed.
    _stdin: ChildStdin,
}

impl ClickHouseFront {
    /// Starts one with its data in a directory, and on a port, of which 0 takes a free one. `None`, with a message that nobody overlooks,
    /// where there is no Python environment; in CI that is an error.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start(data: &Path, port: u16) -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let interpreter = std::env::var_os("LANEWAY_TEST_PYTHON").map(PathBuf::from);
        let interpreter = interpreter.unwrap_or_else(|| root.join("target/python/bin/python"));
        if !interpreter.exists() {
            let missing = "no Python environment: `cargo xtask test` makes one";
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            #[allow(clippy::print_stderr, reason = "a test that does not run must say so")]
            {
                eprintln!("\n*** SKIPPED, NOT PASSED: {missing} ***\n");
            }
            return None;
        }
        let mut child = Command::new(interpreter)
            .arg(root.join("tests/python/clickhouse.py"))
            .arg(data)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Python can be started");
        let stdin = child.stdin.take().expect("it is a pipe");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("it can be read");
        let address = line.trim().strip_prefix("ready ").and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the engine does not start: {line:?}"));
        Some(Self { address, child, _stdin: stdin })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the next statements fail that contain this text.
    pub fn fail(&self, fault: Fault, times: u32, text: &str) {
        let kind = match fault {
            Fault::Refuse => "refuse",
            Fault::Stall => "stall",
            Fault::Late => "late",
            Fault::Lose => "lose",
            Fault::Error => "error",
        };
        self.post(&format!("/fault?kind={kind}&times={times}&match={}", text.replace(' ', "%20")), "");
    }

    /// Ends all faults, and waits until statements that stalled are done.
    pub fn release(&self) {
        self.post("/release", "");
    }

    /// Runs a statement of a test, and returns the answer as tab-separated text.
    pub fn run(&self, statement: &str) -> String {
        self.post("/", statement)
    }

    /// Ends it at once, as a crash would.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.address).expect("the engine runs");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .expect("it listens");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("it speaks HTTP");
        assert!(head.contains(" 200 "), "{body}");
        body.trim_end().to_owned()
    }
}

impl Drop for ClickHouseFront {
    fn drop(&mut self) {
        self.kill();
    }
}
