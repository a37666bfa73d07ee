"""`darkroom describe` against a real server: GetModel's answer, for people and for programs."""

import re

import pytest
from google.protobuf import json_format

from client_command import NOBODY, run_client
from live_server import LiveServer
from protos import pb

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server():
    with LiveServer("--max-batch-size", "3", "--max-request-duration", "90s") as live:
        yield live


@pytest.fixture(scope="module")
def model(server):
    return server.stub.GetModel(pb.GetModelRequest())


def test_json_is_the_whole_answer(server, model):
    done = run_client(server.address, "describe", "--json")
    assert done.returncode == 0, done.stderr
    assert json_format.Parse(done.stdout, pb.GetModelResponse()) == model
    assert '"server_version"' in done.stdout  # The proto's names, as in the pages.


def test_the_text_has_a_line_for_each_thing_to_know(server, model):
    done = run_client(server.address, "describe")
    assert done.returncode == 0, done.stderr
    lines = dict(re.split(r"\s+", line, maxsplit=1) for line in done.stdout.splitlines())
    assert lines["model"] == "emoji"
    assert lines["hash"] == model.hash
    assert lines["devices"] == "cpu"
    assert lines["precision"] == "float32, VAE float32"
    assert lines["batches"] == "up to 3 images"
    assert lines["defaults"] == "64x64, 20 steps, guidance 5, strength 0.3, euler, png"
    assert "150 steps" in lines["limits"] and "1m30s a call" in lines["limits"]
    assert lines["formats"].split(", ") == ["png", "webp", "jpeg", "raw"]
    assert len(lines["schedulers"].split(", ")) == len(model.schedulers)
    assert lines["server"] == model.server_version


def test_nobody_is_told():
    done = run_client(NOBODY, "describe", "--timeout", "1s")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(r"darkroom describe: (UNAVAILABLE|DEADLINE_EXCEEDED)", done.stderr)
