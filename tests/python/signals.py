"""Sends a signal that is not traces over OTLP/gRPC, and prints the status code of the answer.

    signals.py metrics|logs HOST:PORT
"""

import sys

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc


def main(signal: str, address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        try:
            if signal == "metrics":
                stub = metrics_service_pb2_grpc.MetricsServiceStub(channel)
                stub.Export(metrics_service_pb2.ExportMetricsServiceRequest(), timeout=10)
            else:
                stub = logs_service_pb2_grpc.LogsServiceStub(channel)
                stub.Export(logs_service_pb2.ExportLogsServiceRequest(), timeout=10)
            print("OK")
        except grpc.RpcError as error:
            print(error.code().name)


if __name__ == "__main__":
    main(*sys.argv[1:])
