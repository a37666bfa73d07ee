"""Whole requests over a real socket: batched images, their seeds, their files, the window."""

import io
import time

import grpc
import numpy
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from PIL import Image

from draws import draw_prompt, seeded_random
from live_server import LiveServer
from pictures import assert_same_picture, moved_share, pixels_of, raw_request
from protos import pb, rpc

pytestmark = pytest.mark.timeout(300)

SERVICE = "darkroom.v1.ImageGenerationService"
CALLS, CALLERS = 64, 4
PATIENCE = 3600  # Seconds: nobody is refused for a deadline, however slow the machine is.
UINT64 = 2**64


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


@pytest.fixture(scope="module")
def alone():
    """A server that never batches."""
    with LiveServer("--batch-window", "0s", "--max-batch-size", "1") as live:
        yield live


def generate(live, request):
    return live.stub.GenerateImages(request, timeout=PATIENCE)


def pictures(live, **fields):
    """The pictures of one request, checked for order."""
    reply = generate(live, raw_request(**fields))
    assert [image.index for image in reply.images] == list(range(len(reply.images)))
    return [(image.seed, pixels_of(image)) for image in reply.images]


def assert_same_images(actual, expected):
    assert [seed for seed, _ in actual] == [seed for seed, _ in expected]
    for (seed, picture), (_, other) in zip(actual, expected, strict=True):
        assert_same_picture(picture, other, f"seed {seed}")


def draw_request(rng, name):
    width, height = rng.choice([(64, 64)] * 3 + [(80, 48)])
    fields = {
        "prompt": draw_prompt(rng),
        "width": width,
        "height": height,
        "num_inference_steps": rng.randint(1, 12),
        "guidance_scale": rng.choice([0.0, 1.0, rng.uniform(1.1, 12)]),
        "seed": rng.getrandbits(rng.choice([3, 32, 64])),
        "request_id": name,
    }
    if rng.random() < 0.5:
        fields["negative_prompt"] = rng.choice(["", draw_prompt(rng)])
    return raw_request(**fields)


def unlike_neighbours(requests, replies):
    """Pairs of pictures, of one size, that must differ: other seeds and other prompts."""
    by_size = {}
    for request, reply in zip(requests, replies, strict=True):
        by_size.setdefault((request.width, request.height), []).append((request, reply))
    for group in by_size.values():
        for (one, reply), (other, other_reply) in zip(group, group[1:]):
            if one.seed % 2**32 != other.seed % 2**32:
                yield pixels_of(reply.images[0]), pixels_of(other_reply.images[0])


def test_64_concurrent_requests_get_the_images_they_get_alone(server, alone):
    rng = seeded_random()
    requests = [draw_request(rng, f"call-{number}") for number in range(CALLS)]
    requests[0].guidance_scale, requests[1].guidance_scale = 1.0, 7.5
    channels = [server.open_channel() for _ in range(CALLERS)]
    stubs = [rpc.ImageGenerationServiceStub(channel) for channel in channels]
    for channel in channels:
        grpc.channel_ready_future(channel).result(timeout=20)

    before = server.metrics()
    calls = [
        stubs[number % CALLERS].GenerateImages.future(request, timeout=PATIENCE)
        for number, request in enumerate(requests)
    ]
    replies = [call.result() for call in calls]
    after = server.metrics()

    for request, reply in zip(requests, replies, strict=True):
        (image,) = reply.images
        assert (reply.request_id, image.seed) == (request.request_id, request.seed)
        assert (image.width, image.height) == (request.width, request.height)
        assert reply.stats.num_inference_steps == request.num_inference_steps
        assert reply.stats.guidance_scale == request.guidance_scale
        expected = generate(alone, request).images[0]
        assert expected.seed == request.seed
        assert_same_picture(pixels_of(image), pixels_of(expected), str(request))
    # The comparison could fail: pictures of other seeds are others.
    assert all(moved_share(*pair) > 0.01 for pair in unlike_neighbours(requests, replies))

    def grown(name):
        return after[name, frozenset()] - before[name, frozenset()]

    steps = sum(request.num_inference_steps for request in requests)
    assert grown("darkroom_batch_size_images_sum") == steps
    assert 0 < grown("darkroom_batch_size_images_count") < steps
    assert max(reply.stats.batch_sizes.max for reply in replies) > 1
    passes, rows = (alone.metric(f"darkroom_batch_size_images_{k}") for k in ("count", "sum"))
    assert passes == rows > 0


def test_images_of_one_request_are_those_of_consecutive_seeds(server, alone):
    seed = seeded_random().getrandbits(40)
    fields = {"prompt": "a penguin on a white background", "num_inference_steps": 4}
    together = pictures(server, num_images=3, seed=seed, **fields)
    singly = [pictures(alone, seed=seed + k, **fields)[0] for k in range(3)]
    assert_same_images(together, singly)


def test_listed_seeds_make_one_image_each_in_their_order(server, alone):
    fields = {"prompt": "a red apple on a blue background", "num_inference_steps": 3}
    seeds = [9, 2, UINT64 - 1, 0, 9]
    together = pictures(server, seeds=seeds, **fields)
    assert_same_images(together, [pictures(alone, seed=seed, **fields)[0] for seed in seeds])


def test_seeds_wrap_at_2_to_the_64th(server, alone):
    fields = {"prompt": "a cat", "num_inference_steps": 2}
    together = pictures(server, seed=UINT64 - 2, num_images=4, **fields)
    seeds = [UINT64 - 2, UINT64 - 1, 0, 1]
    assert_same_images(together, [pictures(alone, seed=seed, **fields)[0] for seed in seeds])


def test_drawn_seed_is_returned_and_makes_the_images_again(server, alone):
    fields = {"prompt": "a rocket", "num_inference_steps": 2}
    drawn = pictures(server, num_images=2, **fields)
    first = drawn[0][0]
    assert first < 2**32
    assert_same_images(drawn, pictures(alone, num_images=2, seed=first, **fields))
    assert pictures(server, **fields)[0][0] != first


@pytest.mark.parametrize("width, height", [(64, 64), (200, 72)])
@pytest.mark.parametrize("omit_parameters", [False, True])
def test_png_decodes_to_the_raw_pixels(alone, width, height, omit_parameters):
    request = raw_request(
        prompt="a tree", seed=3, num_inference_steps=2, width=width, height=height
    )
    expected = pixels_of(generate(alone, request).images[0])
    request.output.format = pb.IMAGE_FORMAT_PNG
    request.output.omit_parameters = omit_parameters
    (image,) = generate(alone, request).images
    assert image.format == pb.IMAGE_FORMAT_PNG
    with Image.open(io.BytesIO(image.data)) as decoded:
        assert (decoded.format, decoded.mode, decoded.size) == ("PNG", "RGB", (width, height))
        numpy.testing.assert_array_equal(numpy.asarray(decoded), expected)
        assert not (omit_parameters and decoded.text)


def test_absent_format_is_png(alone):
    (image,) = generate(alone, pb.GenerateImagesRequest(num_inference_steps=1)).images
    assert image.format == pb.IMAGE_FORMAT_PNG
    assert image.data.startswith(b"\x89PNG\r\n\x1a\n")


def test_prompt_and_seed_are_a_whole_request(alone):
    reply = generate(alone, pb.GenerateImagesRequest(prompt="a red apple", seed=7))
    stats = reply.stats
    assert (stats.num_inference_steps, stats.guidance_scale) == (20, 5.0)
    assert (stats.width, stats.height) == (64, 64)
    assert (stats.scheduler, stats.dtype) == (pb.SCHEDULER_EULER, "float32")
    assert stats.generator_device == pb.GENERATOR_DEVICE_CPU
    assert stats.model == alone.model_id
    assert (stats.batch_sizes.min, stats.batch_sizes.mean, stats.batch_sizes.max) == (1, 1, 1)
    stages = [stats.text_encoding, stats.denoising, stats.decoding, stats.encoding]
    assert all(0 < seconds(stage) <= seconds(stats.total) for stage in stages)


def test_requests_within_the_window_share_their_passes():
    request = raw_request(prompt="a sun", num_inference_steps=2)
    with LiveServer("--batch-window", "500ms") as live:
        generate(live, request)  # The connection is up before time counts.
        first = live.stub.GenerateImages.future(request, timeout=60)
        time.sleep(0.05)
        second = live.stub.GenerateImages.future(request, timeout=60)
        replies = [first.result(), second.result()]
        lone = generate(live, request)
    for reply in replies:
        assert (reply.stats.batch_sizes.min, reply.stats.batch_sizes.max) == (2, 2)
    waits = [seconds(reply.stats.queue_wait) for reply in replies]
    assert waits[0] >= 0.5 and waits[0] > waits[1]
    assert lone.stats.batch_sizes.max == 1


def test_full_batch_does_not_wait_for_the_window():
    request = raw_request(prompt="a sun", num_inference_steps=2)
    with LiveServer("--batch-window", "60s", "--max-batch-size", "2") as live:
        calls = [live.stub.GenerateImages.future(request, timeout=30) for _ in range(4)]
        assert {call.result().stats.batch_sizes.max for call in calls} == {2}


@pytest.mark.parametrize("name", ["", "liveness", SERVICE])
def test_health_is_serving(server, name):
    stub = health_pb2_grpc.HealthStub(server.channel)
    reply = stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=20)
    assert reply.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service_is_not_found(server):
    stub = health_pb2_grpc.HealthStub(server.channel)
    with pytest.raises(grpc.RpcError) as raised:
        stub.Check(health_pb2.HealthCheckRequest(service="darkroom.v1.Nothing"), timeout=20)
    assert raised.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_lists_and_describes_the_service(server):
    database = ProtoReflectionDescriptorDatabase(server.channel)
    assert SERVICE in database.get_services()
    described = database.FindFileContainingSymbol(SERVICE)
    assert described.name == "darkroom/v1/image_generation.proto"


def seconds(duration):
    return duration.ToTimedelta().total_seconds()
