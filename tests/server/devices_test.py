"""Several devices: a worker each, one model, the same images."""

import pytest

from live_server import LiveServer
from pictures import assert_same_picture, pixels_of, raw_request
from protos import pb

pytestmark = pytest.mark.timeout(240)

STEPS = 3


@pytest.fixture(scope="module")
def server():
    with LiveServer("--device", "cpu", "--device", "cpu") as live:
        yield live


def send(live, **fields):
    return live.stub.GenerateImages.future(raw_request(**fields), timeout=200)


def pictures(calls):
    return [pixels_of(call.result().images[0]) for call in calls]


def test_ready_line_and_get_model_name_both(server):
    assert server.device == "cpu,cpu"
    assert list(server.stub.GetModel(pb.GetModelRequest()).devices) == ["cpu", "cpu"]


def test_images_are_those_of_one_device(server):
    requests = [
        {"prompt": f"a {thing}", "seed": seed, "num_inference_steps": STEPS}
        for seed, thing in enumerate(["red apple", "penguin", "rocket", "cat", "tree", "sun"])
    ]
    with LiveServer() as one:
        expected = [pictures([send(one, **request)])[0] for request in requests]
    actual = pictures([send(server, **request) for request in requests])
    for request, picture, other in zip(requests, actual, expected):
        assert_same_picture(picture, other, request["prompt"])


def test_a_request_passes_by_a_busy_device(server):
    """It would share its passes with eight others, and goes where there are none."""
    request = pb.StreamImagesRequest(generation=raw_request(num_images=8, num_inference_steps=40))
    busy = server.stub.StreamImages(request, timeout=200)
    try:
        assert any(response.HasField("progress") for response in busy)
        reply = send(server, num_inference_steps=STEPS, seed=1).result()
        assert reply.stats.batch_sizes.max == 1
        assert busy.is_active()
    finally:
        busy.cancel()


def test_queue_of_all_devices_is_what_the_flag_says(server):
    assert server.metric("darkroom_queue_limit") == 256
