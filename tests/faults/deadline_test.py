"""Rows 30-32 and 38 of docs/faults.md: deadlines that pass at the door, waiting and running."""

import contextlib
import signal
import time

import grpc
import pytest

from live_server import steps_made, wait_until
from pictures import pixels_of, raw_request
from raw_http2 import RawConnection
from rpc_errors import expect_failure
from surviving_server import surviving_server, wait_for_rest

pytestmark = pytest.mark.timeout(240)

STEPS = 20
DEADLINE_EXCEEDED = 4
LATE = grpc.StatusCode.DEADLINE_EXCEEDED


def send(live, timeout=3600, **fields):
    request = raw_request(**{"num_inference_steps": STEPS, **fields})
    return live.stub.GenerateImages.future(request, timeout=timeout)


def patience_for(live, **fields):
    """Seconds that are enough for the request and what runs before it, whatever the machine."""
    begin = time.monotonic()
    send(live, **fields).result()
    return 1 + 3 * (time.monotonic() - begin)


@contextlib.contextmanager
def frozen(live):
    """The server stands still, so that time passes that it did not foresee."""
    live.process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        live.process.send_signal(signal.SIGCONT)


def test_row_30_deadline_that_has_passed_costs_no_step():
    with surviving_server("--batch-window", "0s") as live:
        before = steps_made(live)
        with RawConnection(live.address) as raw:
            for timeout in ("0n", "1n", "1u", "0S"):
                payload = raw_request(num_inference_steps=2).SerializeToString()
                stream = raw.call("GenerateImages", payload, ("grpc-timeout", timeout))
                assert raw.status_of(stream) in (None, DEADLINE_EXCEEDED), timeout
        wait_for_rest(live)
        assert steps_made(live) == before


def test_row_30_deadline_shorter_than_the_estimate_is_refused_at_the_door():
    with surviving_server("--batch-window", "0s") as live:
        before = steps_made(live)
        # The server is busy, so it trusts what it knows of its times.
        busy = send(live, num_inference_steps=150, width=256, height=256)
        wait_until(lambda: steps_made(live) > before, "it runs")
        hopeless = {"num_inference_steps": 150, "num_images": 16, "width": 256, "height": 256}
        failure = expect_failure(lambda: send(live, timeout=5, **hopeless).result())
        assert (failure.code, failure.reason) == (LATE, "DEADLINE_EXCEEDED")
        assert "would take about" in failure.message
        assert live.metric("darkroom_rejected_total", reason="deadline") == 1
        busy.cancel()


def test_row_31_deadline_that_passes_in_the_queue_costs_no_step():
    flags = ["--batching", "static", "--batch-window", "0s", "--max-batch-size", "1"]
    with surviving_server(*flags) as live:
        patience = patience_for(live)
        before = steps_made(live)
        first = send(live, seed=1)
        wait_until(lambda: steps_made(live) > before, "the first runs")
        late = send(live, timeout=patience, seed=2, num_inference_steps=2)
        wait_until(lambda: live.metric("darkroom_queue_depth") == 1, "the second waits")
        third = send(live, seed=3, num_inference_steps=2)
        wait_until(lambda: live.metric("darkroom_queue_depth") == 2, "the third waits too")
        with frozen(live):
            assert late.code() == LATE  # Waits for it.
        assert [call.result().images[0].seed for call in (first, third)] == [1, 3]
        wait_for_rest(live)
        assert steps_made(live) - before == STEPS + 2
        assert live.metric("darkroom_requests_total", code="DEADLINE_EXCEEDED") == 1


def test_row_32_deadline_that_passes_in_the_batch_changes_no_bit_of_the_neighbour():
    flags = ["--determinism", "bits", "--max-batch-size", "2", "--batch-window", "60s"]
    with surviving_server(*flags, images=2) as live:
        patience = patience_for(live, num_images=2, seed=5)
        expected = [pixels_of(image) for image in send(live, num_images=2, seed=7).result().images]
        before = steps_made(live)
        stayer = send(live, seed=7)
        late = send(live, timeout=patience, seed=8)
        wait_until(lambda: steps_made(live) >= before + 4, "both run")
        with frozen(live):
            assert late.code() == LATE
        reply = stayer.result()
        assert (pixels_of(reply.images[0]) == expected[0]).all()
        assert (reply.stats.batch_sizes.min, reply.stats.batch_sizes.max) == (1, 2)
        wait_for_rest(live)
        assert steps_made(live) - before < 2 * STEPS


def test_row_38_call_without_a_deadline_has_the_servers():
    flags = ["--max-request-duration", "2s", "--batch-window", "0s", "--max-batch-size", "1"]
    endless = {"num_inference_steps": 150, "num_images": 16, "width": 512, "height": 512}
    with surviving_server(*flags) as live:
        for timeout in (None, 3600):
            call = send(live, timeout, **endless)
            failure = expect_failure(call.result)
            assert (failure.code, failure.reason) == (LATE, "DEADLINE_EXCEEDED")
        wait_for_rest(live)
