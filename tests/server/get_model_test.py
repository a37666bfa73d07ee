"""GetModel over a real socket, against what --help, the flags and replies say."""

import re
import subprocess

import grpc
import pytest

from live_server import LiveServer, clean_environment, program
from pictures import raw_request
from protos import pb
from rpc_errors import expect_failure

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


@pytest.fixture(scope="module")
def model(server):
    return server.stub.GetModel(pb.GetModelRequest())


def default_of(flag):
    """The default that --help gives for a flag."""
    text = subprocess.run(
        [program("darkroom-server"), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    ).stdout
    match = re.search(rf"^  --{flag} \S+?=(\S+)", text, re.MULTILINE)
    assert match, f"--help gives no default of --{flag}"
    return match[1]


def test_limits_are_the_defaults_of_their_flags(model):
    limits = model.limits
    assert limits.max_pixels == int(default_of("max-pixels"))
    assert limits.max_images == int(default_of("max-images-per-request"))
    assert limits.max_request_bytes == int(default_of("max-request-bytes"))
    assert limits.max_batch_size == int(default_of("max-batch-size"))
    hours = re.fullmatch(r"(\d+)h", default_of("max-request-duration"))[1]
    assert limits.max_request_duration.ToTimedelta().total_seconds() == 3600 * int(hours)
    assert model.dtype == "float32"  # On a CPU.


def test_limits_follow_their_flags():
    flags = {
        "--max-pixels": 16384,
        "--max-images-per-request": 3,
        "--max-request-bytes": 4096,
        "--max-batch-size": 2,
    }
    duration = ["--max-request-duration", "90s"]
    with LiveServer(*[word for flag in flags.items() for word in flag], *duration) as live:
        limits = live.stub.GetModel(pb.GetModelRequest()).limits
        assert [
            limits.max_pixels,
            limits.max_images,
            limits.max_request_bytes,
            limits.max_batch_size,
        ] == list(flags.values())
        assert limits.max_request_duration.ToTimedelta().total_seconds() == 90


@pytest.mark.parametrize(
    ("field", "limit", "beyond"),
    [
        ("num_inference_steps", lambda limits: limits.max_steps, 1),
        ("num_images", lambda limits: limits.max_images, 1),
        ("clip_skip", lambda limits: limits.max_clip_skip, 1),
        ("width", lambda limits: limits.size_multiple, -1),
        ("prompt", lambda limits: "x" * limits.max_prompt_bytes, "x"),
    ],
)
def test_one_beyond_a_limit_is_refused_by_its_field(server, model, field, limit, beyond):
    value = limit(model.limits)
    bad = raw_request(**{field: value + beyond})
    failure = expect_failure(lambda: server.stub.GenerateImages(bad))
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(failure.violations) == [field]


def test_defaults_are_what_a_request_that_says_nothing_gets(server, model):
    reply = server.stub.GenerateImages(pb.GenerateImagesRequest(seed=1), timeout=200)
    (image,) = reply.images
    stats, defaults = reply.stats, model.defaults
    assert stats.num_inference_steps == defaults.num_inference_steps
    assert stats.guidance_scale == defaults.guidance_scale
    assert stats.scheduler == defaults.scheduler
    assert stats.generator_device == defaults.generator_device
    assert (image.width, image.height) == (defaults.width, defaults.height)
    assert (stats.width, stats.height) == (defaults.width, defaults.height)
    assert image.format == defaults.format
    assert 0 < defaults.strength <= 1


def test_model_is_the_one_that_replies_name(server, model):
    request = raw_request(model=model.id, seed=1, num_inference_steps=1)
    stats = server.stub.GenerateImages(request, timeout=200).stats
    assert model.id == stats.model == server.model_id
    assert model.hash == stats.model_hash
    assert re.fullmatch("[0-9a-f]{64}", model.hash)
    assert model.dtype == stats.dtype
    assert model.server_version == stats.server_version
    assert ",".join(model.devices) == server.device


@pytest.mark.parametrize("field", ["scheduler", "format"])
def test_everything_that_is_listed_is_made(server, model, field):
    listed = {"scheduler": model.schedulers, "format": model.formats}[field]
    assert pb.SCHEDULER_UNSPECIFIED not in listed and len(set(listed)) == len(listed) > 0
    for value in listed:
        request = pb.GenerateImagesRequest(seed=1, num_inference_steps=2)
        if field == "scheduler":
            request.scheduler = value
        else:
            request.output.format = value
        reply = server.stub.GenerateImages(request, timeout=200)
        made = reply.stats.scheduler if field == "scheduler" else reply.images[0].format
        assert made == value


def test_model_may_be_named(server, model):
    assert server.stub.GetModel(pb.GetModelRequest(model=model.id)) == model


@pytest.mark.parametrize("name", ["another", "EMOJI", " ", "x" * 5000, "\n\x1b[31m"])
def test_another_model_is_not_found(server, name):
    failure = expect_failure(lambda: server.stub.GetModel(pb.GetModelRequest(model=name)))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
