"""One server for each file of faults, which must serve on after every one of them."""

import pytest

from live_server import LiveServer, wait_until
from protos import pb


@pytest.fixture(scope="module")
def server():
    with LiveServer("--batch-window", "0s") as live:
        yield live


@pytest.fixture(autouse=True)
def still_serving(server):
    """After each test: a valid request gets its image, and nothing is left behind."""
    yield
    request = pb.GenerateImagesRequest(prompt="a red apple", num_inference_steps=1, seed=7)
    reply = server.stub.GenerateImages(request, timeout=60)
    assert [image.finish_reason for image in reply.images] == [pb.FINISH_REASON_DONE]
    # The last gauge may trail the reply that it counts.
    for gauge in ("darkroom_live_calls", "darkroom_queue_depth"):
        wait_until(lambda: server.metric(gauge) == 0, f"{gauge} is back at zero")
