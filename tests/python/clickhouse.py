"""ClickHouse's HTTP interface in front of chdb, which is ClickHouse's engine as a library: for tests without a server.

    clickhouse.py DIRECTORY [PORT]

Prints `ready ADDRESS`. What a server does and this does not: users, compression of answers, cancelling.

`POST /fault?kind=KIND&times=N&match=TEXT` lets the next N statements that contain TEXT fail:

    refuse   the connection is closed before anything is done
    stall    nothing happens until `POST /release`; then as `refuse`
    late     nothing happens until then; then the statement is done, whoever waited for it
    lose     the statement is done, and the connection closed before the answer
    error    the answer is 500, and nothing is done

`POST /release` ends faults, and is answered when statements that stalled are done.

`GET /statements` lists, as JSON, the statements so far with their settings.
"""

import contextlib
import json
import re
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import chdb
import lz4.block

# Of the HTTP interface, not of the engine.
NOT_SETTINGS = {"query", "database", "default_format", "decompress", "query_id", "role", "wait_end_of_query"}
INSERT = re.compile(r"(?is)^\s*(insert\s+into\s.*?)\s+format\s+(\w+)\s*$")


class Faults:
    """What is to go wrong, and what was asked so far."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.held = 0
        self.is_released = True
        self.planned: list[list] = []
        self.statements: list[dict] = []

    def plan(self, kind: str, times: int, match: str) -> None:
        with self.lock:
            self.is_released = False
            self.planned.append([kind, times, match])

    def release(self) -> None:
        with self.lock:
            self.planned.clear()
            self.is_released = True
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.held == 0)

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Waits for the release, which in turn waits for what is done within."""
        with self.lock:
            self.held += 1
            self.changed.wait_for(lambda: self.is_released)
        try:
            yield
        finally:
            with self.lock:
                self.held -= 1
                self.changed.notify_all()

    def next(self, statement: str, settings: dict) -> str | None:
        with self.lock:
            self.statements.append({"statement": statement, "settings": settings})
            for plan in self.planned:
                kind, times, match = plan
                if times > 0 and match in statement:
                    plan[1] -= 1
                    return kind
        return None


def decompressed(body: bytes) -> bytes:
    """The content of ClickHouse's compressed blocks: checksum, method, size with this header, size of the content."""
    content, at = [], 0
    while at < len(body):
        assert body[at + 16] == 0x82, "the method is LZ4"
        size = int.from_bytes(body[at + 17 : at + 21], "little")
        plain = int.from_bytes(body[at + 21 : at + 25], "little")
        content.append(lz4.block.decompress(body[at + 25 : at + 16 + size], uncompressed_size=plain))
        at += 16 + size
    return b"".join(content)


def form(body: bytes, content_type: str) -> dict[str, str]:
    """The fields of a multipart form."""
    boundary = b"--" + content_type.split("boundary=")[1].strip('"').encode()
    fields = {}
    for part in (b"\r\n" + body).split(b"\r\n" + boundary)[1:-1]:
        head, value = part.split(b"\r\n\r\n", 1)
        name = re.search(rb'name="([^"]*)"', head).group(1).decode()
        fields[name] = value.decode()
    return fields


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # The answer is one segment, and waits for no acknowledgement of its head.
    disable_nagle_algorithm = True
    wbufsize = -1
    faults: Faults
    path_of_data: str

    def log_message(self, *_) -> None:
        pass

    def body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunk = self.rfile.read(size)
            if len(chunk) != size:
                raise ConnectionError("the request was given up")
            chunks.append(chunk)
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, status: int, body: bytes, headers: dict | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def do_GET(self) -> None:
        if self.path == "/statements":
            with self.faults.lock:
                self.answer(200, json.dumps(self.faults.statements).encode())
        else:
            self.answer(200, b"Ok.\n")

    def do_POST(self) -> None:
        try:
            body = self.body()
        except (ConnectionError, ValueError):
            self.close_connection = True
            return
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        if url.path == "/fault":
            self.faults.plan(query["kind"], int(query.get("times", 1 << 30)), query.get("match", "INSERT"))
            return self.answer(200, b"")
        if url.path == "/release":
            self.faults.release()
            return self.answer(200, b"")
        self.statement(query, body)

    def statement(self, query: dict, body: bytes) -> None:
        if self.headers.get("Content-Type", "").startswith("multipart/form-data"):
            fields = form(body, self.headers["Content-Type"])
            statement, body = fields.pop("query"), b""
        elif "query" in query:
            fields, statement = {}, query["query"]
        else:
            fields, statement, body = {}, body.decode(), b""
        settings = {name: value for name, value in query.items() if name not in NOT_SETTINGS}
        parameters = {name: settings.pop(name) for name in list(settings) if name.startswith("param_")} | fields
        fault = self.faults.next(statement, settings)
        with self.faults.hold() if fault in ("stall", "late") else contextlib.nullcontext():
            self.outcome({"stall": "refuse", "late": None}.get(fault, fault), query, settings, parameters, statement, body)

    def outcome(
        self, fault: str | None, query: dict, settings: dict, parameters: dict, statement: str, body: bytes
    ) -> None:
        if fault == "refuse":
            self.close_connection = True
            return
        if fault == "error":
            return self.answer(500, b"Code: 999. DB::Exception: Something went wrong.", {"X-ClickHouse-Exception-Code": "999"})
        try:
            if query.get("decompress") == "1":
                body = decompressed(body)
            parameters = {name.removeprefix("param_"): value for name, value in parameters.items()}
            answer = self.run(query, settings, parameters, statement, body)
        except Exception as error:
            text = re.sub(r"^(Streaming insert \w+ failed: |Query error: )", "", str(error))
            code = re.search(r"Code: (\d+)", text)
            return self.answer(500, text.encode(), {"X-ClickHouse-Exception-Code": code.group(1) if code else "1002"})
        if fault == "lose":
            self.close_connection = True
            return
        self.answer(200, answer)

    def run(self, query: dict, settings: dict, parameters: dict, statement: str, body: bytes) -> bytes:
        connection = chdb.connect(self.path_of_data)
        try:
            if database := query.get("database"):
                connection.query("USE `" + database.replace("`", "\\`") + "`")
            for name, value in settings.items():
                quoted = value.replace("\\", "\\\\").replace("'", "\\'")
                connection.query(f"SET {name} = '{quoted}'")
            if insert := INSERT.match(statement):
                inserter = connection.send_insert(insert.group(1), insert.group(2))
                # An empty insert is not begun at all.
                if body:
                    inserter.append(body)
                inserter.finish()
                return b""
            return connection.query(statement, query.get("default_format", "TabSeparated"), params=parameters).bytes()
        finally:
            connection.close()


def main(directory: str, port: str = "0") -> None:
    # The engine lives as long as there is a connection.
    connection = chdb.connect(directory)
    Handler.faults, Handler.path_of_data = Faults(), directory
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    server.daemon_threads = True
    host, port = server.server_address
    print(f"ready {host}:{port}", flush=True)
    # Ends with whoever started it.
    threading.Thread(target=lambda: (sys.stdin.read(), server.shutdown()), daemon=True).start()
    server.serve_forever()
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
