"""A server that must serve on after whatever a test did to it."""

import contextlib

from live_server import LiveServer, wait_until
from protos import pb, rpc


def wait_for_rest(live, timeout=30.0):
    """Every gauge of work is zero. The last of them may trail the reply that it counts."""
    for gauge in ("darkroom_live_calls", "darkroom_queue_depth", "darkroom_running_images"):
        wait_until(lambda gauge=gauge: live.metric(gauge) == 0, f"{gauge} is back at zero", timeout)


def expect_serving(live, images=1):
    """On a new connection a valid request gets its images, and nothing is left behind."""
    channel = live.open_channel()
    request = pb.GenerateImagesRequest(
        prompt="a red apple", num_inference_steps=1, seed=7, num_images=images
    )
    reply = rpc.ImageGenerationServiceStub(channel).GenerateImages(request, timeout=60)
    assert [image.finish_reason for image in reply.images] == [pb.FINISH_REASON_DONE] * images
    wait_for_rest(live)


@contextlib.contextmanager
def surviving_server(*flags, images=1, **options):
    """LiveServer(*flags), at rest and serving `images` at once when the block is left."""
    with LiveServer(*flags, **options) as live:
        yield live
        wait_for_rest(live)
        expect_serving(live, images)
