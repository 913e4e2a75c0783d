"""Sends spans with every field that OpenTelemetry's SDK can set, through its own exporters.

    send.py grpc|http ENDPOINT none|gzip

Ids and times are fixed, so that the reader knows every byte that must come back.
"""

import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression as HttpCompression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

TRACE_ID = 0x5B8EFFF798038103D269B633813FC60C
START_NS = 1_700_000_000_000_000_001


class CountedIds(IdGenerator):
    """Span ids 1, 2, 3, ... of one trace."""

    def __init__(self) -> None:
        self.last = 0

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last

    def generate_trace_id(self) -> int:
        return TRACE_ID


class Checked:
    """An exporter that remembers whether every export succeeded."""

    def __init__(self, exporter) -> None:
        self.exporter = exporter
        self.results: list[SpanExportResult] = []

    def export(self, spans) -> SpanExportResult:
        self.results.append(self.exporter.export(spans))
        return self.results[-1]

    def shutdown(self) -> None:
        self.exporter.shutdown()


def exporter(protocol: str, endpoint: str, compression: str):
    if protocol == "grpc":
        from grpc import Compression

        return GrpcExporter(
            endpoint=endpoint,
            insecure=True,
            compression={"none": Compression.NoCompression, "gzip": Compression.Gzip}[compression],
        )
    return HttpExporter(endpoint=f"{endpoint}/v1/traces", compression=HttpCompression(compression))


def main(protocol: str, endpoint: str, compression: str) -> None:
    resource = Resource({
        "service.name": "checkout",
        "service.instance.id": "checkout-1",
        "service.lane": "grey-v2",
        "process.command_args": ["checkout", "--fast"],
    })
    checked = Checked(exporter(protocol, endpoint, compression))
    provider = TracerProvider(resource=resource, id_generator=CountedIds(), span_limits=SpanLimits(max_attributes=9))
    provider.add_span_processor(SimpleSpanProcessor(checked))
    tracer = provider.get_tracer(
        "checkout.tracer", "2.1.0", schema_url="https://opentelemetry.io/schemas/1.30.0", attributes={"scope.kind": "test"}
    )

    remote = SpanContext(
        trace_id=TRACE_ID,
        span_id=0xABCDEF0123456789,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState([("vendor", "a:b"), ("other", "1")]),
    )
    linked = SpanContext(
        trace_id=0x11111111111111112222222222222222,
        span_id=0x3333333333333333,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
        trace_state=TraceState([("linked", "yes")]),
    )
    server = tracer.start_span(
        "POST /checkout/{id}",
        context=trace.set_span_in_context(trace.NonRecordingSpan(remote)),
        kind=SpanKind.SERVER,
        start_time=START_NS,
        links=[Link(linked, {"link.position": 7})],
        attributes={
            "dropped": "the limit of nine attributes pushes the oldest out",
            "text": "naïve ☃ \U0001f6d2",
            "yes": True,
            "no": False,
            "count": -9_007_199_254_740_993,
            "ratio": 0.1,
            "texts": ["a", "", "c"],
            "flags": [True, False],
            "counts": [1, -2, 9_223_372_036_854_775_807],
            "ratios": [0.5, -1e300],
        },
    )
    server.add_event("cache.miss", {"key": "cart:42", "bytes": 0}, timestamp=START_NS + 10)
    server.add_event("empty", timestamp=START_NS + 20)
    server.set_status(Status(StatusCode.ERROR, "card declined"))

    kinds = [SpanKind.INTERNAL, SpanKind.CLIENT, SpanKind.PRODUCER, SpanKind.CONSUMER]
    for number, kind in enumerate(kinds):
        child = tracer.start_span(
            f"child {number}",
            context=trace.set_span_in_context(server),
            kind=kind,
            start_time=START_NS + 100 * (number + 1),
        )
        if kind == SpanKind.INTERNAL:
            child.set_status(Status(StatusCode.OK))
        child.end(START_NS + 100 * (number + 1) + number)
    server.end(START_NS + 1_000_000_000)
    provider.shutdown()
    assert checked.results == [SpanExportResult.SUCCESS] * 5, checked.results


if __name__ == "__main__":
    main(*sys.argv[1:])
