"""StreamImages over a real socket: what comes, in which order, and for whom."""

import collections
import io

import grpc
import pytest
from PIL import Image

from draws import seeded_random
from live_server import LiveServer, wait_until
from pictures import raw_request
from protos import pb, rpc
from rpc_errors import expect_failure

pytestmark = pytest.mark.timeout(240)

LATENT = 4  # Pixels per latent, in the embedded model.


@pytest.fixture(scope="module")
def server():
    """Its images do not depend on what they share their passes with."""
    with LiveServer("--determinism", "bits", "--max-batch-size", "2") as live:
        yield live


def stream(live, preview_interval_steps=0, **fields):
    request = pb.StreamImagesRequest(
        generation=raw_request(**fields), preview_interval_steps=preview_interval_steps
    )
    return live.stub.StreamImages(request, timeout=200)


def event_of(response):
    """The name and the content of a message."""
    name = response.WhichOneof("event")
    return name, getattr(response, name)


def events_of(call):
    return [event_of(response) for response in call]


def named(events, name):
    return [event for kind, event in events if kind == name]


def await_event(call, name):
    """Reads up to the next message of this kind."""
    for response in call:
        kind, event = event_of(response)
        if kind == name:
            return event
    raise AssertionError(f"the stream ended without {name}")


def expect_rising(steps):
    assert steps == sorted(set(steps)), steps


def test_messages_come_in_their_order(server):
    rng = seeded_random()
    images, steps = rng.randint(1, 3), rng.randint(2, 5)
    events = events_of(
        stream(server, 1, request_id="order", num_images=images, num_inference_steps=steps)
    )
    kinds = [kind for kind, _ in events]
    counts = collections.Counter(kinds)
    assert (kinds[0], kinds[-1]) == ("queued", "completed")
    assert (counts["queued"], counts["completed"], counts["image"]) == (1, 1, images)
    assert events[0][1].request_id == "order"
    assert {image.index for image in named(events, "image")} == set(range(images))
    for index in range(images):
        own = [(kind, event) for kind, event in events[1:-1] if event.index == index]
        assert own[-1][0] == "image"
        progress = named(own, "progress")
        expect_rising([event.step for event in progress])
        assert {event.steps for event in progress} == {steps}
        assert progress[-1].step == steps
    stats = events[-1][1].stats
    assert (stats.num_inference_steps, stats.width, stats.height) == (steps, 64, 64)
    assert stats.total.ToTimedelta() >= stats.denoising.ToTimedelta()


@pytest.mark.parametrize("file_format", [pb.IMAGE_FORMAT_RAW_RGB, pb.IMAGE_FORMAT_PNG])
def test_images_are_those_of_generate_images(server, file_format):
    request = pb.GenerateImagesRequest(
        prompt="a red apple", num_inference_steps=3, num_images=3, seed=5
    )
    request.output.format = file_format
    expected = server.stub.GenerateImages(request, timeout=100).images
    call = server.stub.StreamImages(pb.StreamImagesRequest(generation=request), timeout=100)
    actual = named(events_of(call), "image")
    assert sorted(actual, key=lambda image: image.index) == list(expected)


def test_previews_are_small_jpegs_at_the_interval(server):
    steps, interval, width, height = 5, 2, 96, 64
    events = events_of(
        stream(server, interval, num_inference_steps=steps, width=width, height=height)
    )
    previews = named(events, "preview")
    # Others are left out when they come too soon after another.
    assert previews[0].step == interval
    expect_rising([preview.step for preview in previews])
    for preview in previews:
        assert preview.step % interval == 0 and preview.step < steps
        assert (preview.width, preview.height) == (width // LATENT, height // LATENT)
        assert len(preview.data) < 4096
        with Image.open(io.BytesIO(preview.data)) as picture:
            assert (picture.format, picture.size) == ("JPEG", (preview.width, preview.height))


def test_no_interval_means_no_previews(server):
    assert not named(events_of(stream(server, num_inference_steps=4)), "preview")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"num_inference_steps": 0}, grpc.StatusCode.INVALID_ARGUMENT),
        ({"model": "another"}, grpc.StatusCode.NOT_FOUND),
    ],
)
def test_error_before_acceptance_comes_without_messages(server, fields, code):
    call = stream(server, **fields)
    heard = []
    failure = expect_failure(lambda: heard.extend(call))
    assert (failure.code, heard) == (code, [])
    assert failure.info is not None


def test_cancelled_stream_frees_the_queue_and_the_device():
    with LiveServer("--max-batch-size", "1") as live:
        leaver = stream(live, num_images=3, num_inference_steps=40)
        await_event(leaver, "progress")
        waiting = stream(live, num_images=2, num_inference_steps=2, seed=3)
        queued = await_event(waiting, "queued")
        leaver.cancel()
        assert [image.seed for image in named(events_of(waiting), "image")] == [3, 4]
        wait_until(lambda: live.metric("darkroom_live_calls") == 0, "no call is live")
        assert live.metric("darkroom_queue_depth") == 0
        assert live.metric("darkroom_images_total") == 2
        assert live.metric("darkroom_batch_size_images_sum") < 3 * 40
        assert leaver.code() == grpc.StatusCode.CANCELLED
        assert queued.estimated_wait.ToTimedelta().total_seconds() > 0


def test_each_image_comes_as_soon_as_it_is_done():
    with LiveServer("--max-batch-size", "1", "--batching", "static") as live:
        events = events_of(stream(live, num_images=2, num_inference_steps=8))
    at = [kind for kind, _ in events].index("image")
    assert events[at][1].index == 0
    assert any(kind == "progress" and event.index == 1 for kind, event in events[at:])


def test_calls_of_one_request_id_share_one_generation():
    with LiveServer("--batch-window", "600s", "--max-batch-size", "2") as live:
        before = live.metric("darkroom_images_total")
        # Without a seed: only the same generation gives the same one.
        same = {"request_id": "same", "prompt": "a penguin", "num_inference_steps": 4}
        streams = [stream(live, **same), stream(live, **same)]
        queued = [await_event(call, "queued") for call in streams]
        assert {event.request_id for event in queued} == {"same"}
        unary = live.stub.GenerateImages.future(raw_request(**same), timeout=100)
        wait_until(lambda: live.metric("darkroom_live_calls") == 3, "three calls are live")
        assert live.metric("darkroom_queue_depth") == 1
        other = expect_failure(
            lambda: live.stub.GenerateImages(raw_request(**{**same, "prompt": "a cat"}))
        )
        assert (other.code, other.reason) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "REQUEST_IN_FLIGHT",
        )
        # Fills the batch, which so begins.
        live.stub.GenerateImages(raw_request(num_inference_steps=1), timeout=100)
        images = [named(events_of(call), "image") for call in streams]
        images.append(list(unary.result().images))
        assert unary.result().request_id == "same"
        assert images[0] == images[1] == images[2] and len(images[0]) == 1
        assert live.metric("darkroom_images_total") - before == 2


def test_who_joins_and_leaves_takes_nothing_away():
    with LiveServer("--batch-window", "600s", "--max-batch-size", "2") as live:
        same = {"request_id": "same", "num_inference_steps": 4}
        stays, leaves = stream(live, **same), stream(live, **same)
        for call in (stays, leaves):
            await_event(call, "queued")
        leaves.cancel()
        wait_until(lambda: live.metric("darkroom_live_calls") == 1, "one call is live")
        live.stub.GenerateImages(raw_request(num_inference_steps=1), timeout=100)
        assert len(named(events_of(stays), "image")) == 1


def test_reader_who_does_not_read_is_given_up():
    with LiveServer("--write-timeout", "1s") as live:
        # The image passes by far what is sent before it is asked for.
        windows = {"grpc.http2.lookahead_bytes": 4096, "grpc.http2.bdp_probe": 0}
        stub = rpc.ImageGenerationServiceStub(live.open_channel(**windows))
        request = raw_request(width=256, height=256, num_inference_steps=1)
        call = stub.StreamImages(pb.StreamImagesRequest(generation=request), timeout=200)
        await_event(call, "queued")
        wait_until(lambda: live.metric("darkroom_live_calls") == 0, "it was given up", timeout=100)
        refused = {"method": "StreamImages", "code": "RESOURCE_EXHAUSTED"}
        assert live.metric("darkroom_requests_total", **refused) == 1
        failure = expect_failure(lambda: events_of(call))
        assert failure.code in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.CANCELLED)
