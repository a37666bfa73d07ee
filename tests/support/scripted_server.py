"""A gRPC server whose answers the test writes, for what a real one does rarely."""

import collections
from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from protos import pb, rpc

SERVICE = "darkroom.v1.ImageGenerationService"
_STATUS = health_pb2.HealthCheckResponse


class ScriptedServer(rpc.ImageGenerationServiceServicer):
    """Answers GenerateImages with `answer(request, context)`, and counts the calls by method."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = collections.Counter()

    def __enter__(self):
        options = [("grpc.max_send_message_length", -1), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(futures.ThreadPoolExecutor(16), options=options)
        rpc.add_ImageGenerationServiceServicer_to_server(self, self._server)
        self._health = health.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.set_ready(True)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()
        return self

    def __exit__(self, kind, error, traceback):
        self._server.stop(grace=None).wait()

    def set_ready(self, ready):
        self._health.set(SERVICE, _STATUS.SERVING if ready else _STATUS.NOT_SERVING)

    def GenerateImages(self, request, context):  # noqa: N802, the proto's name
        self.calls["GenerateImages"] += 1
        return self.answer(request, context)


def image(data):
    """A reply with one image of these bytes."""
    return pb.GenerateImagesResponse(images=[pb.Image(data=data)])
