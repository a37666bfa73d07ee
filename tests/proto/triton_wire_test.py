"""Our part of the Open Inference Protocol and Triton's own descriptors: the same on the wire."""

import pytest
from tritonclient.grpc import model_config_pb2, service_pb2

from descriptors import by_name, compiled, copied

OURS = by_name(compiled("inference/grpc_service.proto").values())
TRITONS = by_name([copied(service_pb2), copied(model_config_pb2)])


@pytest.mark.parametrize("name", sorted(OURS))
def test_everything_is_as_in_triton(name):
    assert OURS[name] <= TRITONS[name], OURS[name] - TRITONS[name]


@pytest.mark.parametrize("name", ["ModelInferRequest", "ModelInferResponse", "InferTensorContents"])
def test_nothing_of_an_inference_is_left_out(name):
    assert OURS[f"inference.{name}"] == TRITONS[f"inference.{name}"]
