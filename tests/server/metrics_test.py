"""What /metrics says, against what callers saw and what the system says of the process."""

import pathlib

import grpc
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.process_collector import ProcessCollector

from live_server import LiveServer, wait_until
from pictures import raw_request
from protos import pb
from rpc_errors import expect_failure

PATIENCE = 60
SERIES = 1500
NAMES = {
    pb.IMAGE_FORMAT_PNG: "png",
    pb.IMAGE_FORMAT_JPEG: "jpeg",
    pb.IMAGE_FORMAT_WEBP: "webp",
    pb.IMAGE_FORMAT_RAW_RGB: "raw_rgb",
}

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


def generate(live, **fields):
    request = pb.GenerateImagesRequest(num_inference_steps=2, **fields)
    return live.stub.GenerateImages(request, timeout=PATIENCE)


def change(live, before, name, **labels):
    return live.metric(name, **labels) - sum(
        value
        for (found, pairs), value in before.items()
        if found == name and labels.items() <= dict(pairs).items()
    )


@pytest.mark.parametrize("image_format", NAMES)
def test_bytes_are_those_that_callers_got(server, image_format):
    before = server.metrics()
    output = pb.OutputOptions(format=image_format)
    reply = generate(server, prompt="a cat", num_images=3, output=output)
    total = sum(len(image.data) for image in reply.images)
    label = {"format": NAMES[image_format]}
    assert change(server, before, "darkroom_response_bytes_total", **label) == total
    assert change(server, before, "darkroom_response_size_bytes_count", **label) == 3
    assert change(server, before, "darkroom_response_size_bytes_sum", **label) == total
    assert change(server, before, "darkroom_response_bytes_total") == total


def test_sizes_and_priorities_are_told_apart(server):
    before = server.metrics()
    generate(server, width=512, height=256, priority=pb.PRIORITY_LOW)
    assert change(server, before, "darkroom_images_total", size_class="512") == 1
    assert change(server, before, "darkroom_images_total") == 1
    waits = "darkroom_queue_wait_seconds_count"
    assert change(server, before, waits, size_class="512", priority="low") == 1
    assert change(server, before, waits) == 1
    assert change(server, before, "darkroom_step_duration_seconds_count", size_class="512") == 2


def test_every_stage_of_an_image_is_seen(server):
    before = server.metrics()
    generate(server)
    stages = {"parse": 1, "text_encode": 1, "denoise_step": 2, "vae_decode": 1, "encode": 1}
    for stage, runs in stages.items():
        name = "darkroom_stage_duration_seconds_count"
        assert change(server, before, name, stage=stage) == runs, stage
    wait_until(
        lambda: change(server, before, "darkroom_stage_duration_seconds_count", stage="send") == 1,
        "gRPC is done with the call",
    )
    assert change(server, before, "darkroom_device_busy_seconds_total") > 0


def test_images_of_who_left_count_as_waste_and_rest_is_rest():
    with LiveServer("--max-batch-size", "1") as live:
        request = raw_request(num_inference_steps=150, num_images=2)
        call = live.stub.GenerateImages.future(request, timeout=PATIENCE)
        wait_until(lambda: live.metric("darkroom_denoise_steps_total") > 3, "steps are made")
        assert live.metric("darkroom_queue_oldest_age_seconds") > 0
        assert live.metric("darkroom_queue_cost") > 0
        assert live.metric("darkroom_inflight_requests") == 1
        assert live.metric("darkroom_tenants_tracked") == 1
        call.cancel()
        wait_until(lambda: live.metric("darkroom_running_images") == 0, "the images have left")
        assert live.metric("darkroom_cancelled_total", stage="denoise") == 1
        assert live.metric("darkroom_cancelled_total", stage="queued") == 1
        wasted = live.metric("darkroom_wasted_step_seconds_total", reason="cancelled")
        busy = live.metric("darkroom_device_busy_seconds_total")
        assert 0 < wasted < 1.1 * busy  # The batcher's clock runs a little around the calls.
        assert live.metric("darkroom_wasted_step_seconds_total") == wasted
        for gauge in ("queue_oldest_age_seconds", "queue_cost", "inflight_requests",
                      "tenants_tracked", "queue_depth", "inflight_batches"):
            wait_until(lambda: live.metric(f"darkroom_{gauge}") == 0, f"{gauge} is at rest")


def test_why_batches_start():
    with LiveServer("--batch-window", "300ms", "--max-batch-size", "2") as live:
        generate(live)
        assert live.metric("darkroom_batches_total", trigger="window") == 1
        assert live.metric("darkroom_batch_window_seconds_sum") >= 0.3
        generate(live, num_images=2)
        assert live.metric("darkroom_batches_total", trigger="full") == 1
        assert live.metric("darkroom_batches_total") == 2
        assert live.metric("darkroom_batch_window_seconds_count") == 2


def test_fixed_shapes_are_filled_with_samples_that_are_counted():
    with LiveServer("--determinism", "bits", "--max-batch-size", "4") as live:
        generate(live, num_images=3, guidance_scale=5)
        generate(live, num_images=1, guidance_scale=1)
        # Eight samples a pass: six of them, and then one, are rows'.
        assert live.metric("darkroom_padded_samples_total") == 2 * 2 + 2 * 7


def test_no_caller_makes_new_series(server):
    before = set(server.metrics())
    generate(server, prompt="new", request_id="mine")
    expect_failure(lambda: generate(server, prompt="x", width=7))
    expect_failure(lambda: generate(server, model="other"))
    metadata = [("authorization", "Bearer " + 40 * "x"), ("x-tenant", "someone")]
    server.stub.GenerateImages(raw_request(), timeout=PATIENCE, metadata=metadata)
    with server.open_channel() as channel:
        unknown = channel.unary_unary("/darkroom.v1.ImageGenerationService/Nothing")
        with pytest.raises(grpc.RpcError):
            unknown(b"", timeout=PATIENCE)
    assert set(server.metrics()) == before
    assert len(before) < SERIES


def test_process_metrics_are_those_of_the_python_client(server):
    registry = CollectorRegistry()
    ProcessCollector(pid=lambda: server.process.pid, registry=registry)

    def expected():
        return {s.name: s.value for family in registry.collect() for s in family.samples}

    before, ours, after = expected(), server.metrics(), expected()
    assert len(before) >= 6
    for name, low in before.items():
        value, high = ours[name, frozenset()], after[name]
        if name == "process_open_fds":  # The scrape's own connection, and its look at the folder.
            assert low <= value <= high + 4
        elif name == "process_start_time_seconds":
            assert abs(value - low) < 1.1  # Python counts from a boot time with a fraction.
        else:
            low, high = min(low, high), max(low, high)
            assert low * 0.99 <= value <= high * 1.01 + 0.1, name
    threads = len(list(pathlib.Path(f"/proc/{server.process.pid}/task").iterdir()))
    assert abs(ours["process_threads", frozenset()] - threads) <= 4
