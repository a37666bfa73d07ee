"""Our part of gRPC's health protocol and gRPC's own descriptors: the same on the wire."""

import pytest
from grpc_health.v1 import health_pb2

from descriptors import by_name, compiled, copied

OURS = by_name(compiled("grpc/health/v1/health.proto").values())
GRPCS = by_name([copied(health_pb2)])


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_is_asked_is_as_in_grpc(name):
    assert OURS[name] == GRPCS[name]


def test_a_check_is_there():
    assert "grpc.health.v1.Health/Check" in OURS
