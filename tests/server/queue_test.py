"""The queue over a real socket: full, left by cancellation, left by deadline."""

import grpc
import pytest

from live_server import LiveServer, wait_until
from pictures import raw_request
from rpc_errors import expect_failure
from surviving_server import wait_for_rest

pytestmark = pytest.mark.timeout(120)

STEPS = 2


def send(live, timeout=60, **fields):
    request = raw_request(num_inference_steps=STEPS, **fields)
    return live.stub.GenerateImages.future(request, timeout=timeout)


def wait_for_queue_depth(live, depth):
    wait_until(
        lambda: live.metric("darkroom_queue_depth") == depth, f"the queue holds {depth} images"
    )


def passed_rows(live):
    return live.metric("darkroom_batch_size_images_sum")


def expect_queue_full(live, refusals, **fields):
    failure = expect_failure(lambda: send(live, **fields).result())
    assert (failure.code, failure.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
    assert failure.retry.retry_delay.ToTimedelta().total_seconds() > 0
    assert int(failure.trailers["grpc-retry-pushback-ms"]) > 0
    assert live.metric("darkroom_rejected_total", reason="queue_full") == refusals


def test_full_queue_refuses_at_once_and_keeps_who_waits():
    flags = ["--batch-window", "600s", "--lame-duck", "0s", "--max-queued-images", "2"]
    with LiveServer(*flags) as live:
        assert live.metric("darkroom_queue_limit") == 2
        waiting = [send(live, seed=1)]
        wait_for_queue_depth(live, 1)
        # Both of its images or none.
        expect_queue_full(live, 1, num_images=2)
        waiting.append(send(live, seed=2))
        wait_for_queue_depth(live, 2)
        expect_queue_full(live, 2)
        expect_queue_full(live, 3)
        assert live.metric("darkroom_queue_depth") == 2
        # The drain sends the waiting ones off.
        live.process.terminate()
        assert [call.result().images[0].seed for call in waiting] == [1, 2]
        assert live.process.wait(60) == 0


def test_request_that_never_fits_the_queue_is_invalid_and_not_to_be_retried():
    with LiveServer("--max-queued-images", "2") as live:
        failure = expect_failure(lambda: send(live, num_images=3).result())
        assert (failure.code, failure.retry) == (grpc.StatusCode.INVALID_ARGUMENT, None)
        assert "num_images" in failure.violations
        assert "grpc-retry-pushback-ms" not in failure.trailers


def test_queue_is_full_by_pixels_too():
    flags = ["--batch-window", "600s", "--lame-duck", "0s"]
    with LiveServer(*flags, "--max-queued-pixels", str(3 * 64 * 64)) as live:
        waiting = send(live, num_images=2)
        wait_for_queue_depth(live, 2)
        expect_queue_full(live, 1, num_images=2)
        waiting.cancel()
        wait_for_rest(live, timeout=10)


def test_cancelled_request_leaves_and_its_neighbours_get_their_images():
    with LiveServer("--batch-window", "3s") as live:
        before = passed_rows(live)
        calls = [send(live, seed=seed) for seed in range(3)]
        wait_for_queue_depth(live, 3)
        calls[1].cancel()
        wait_for_queue_depth(live, 2)
        replies = [calls[0].result(), calls[2].result()]
        assert [reply.images[0].seed for reply in replies] == [0, 2]
        assert {reply.stats.batch_sizes.max for reply in replies} == {2}
        assert calls[1].code() == grpc.StatusCode.CANCELLED
        wait_for_rest(live, timeout=10)
        assert passed_rows(live) - before == 2 * STEPS


def test_cancelled_request_leaves_its_batch_while_it_runs():
    with LiveServer("--batch-window", "60s", "--max-batch-size", "2") as live:
        before = passed_rows(live)
        request = raw_request(num_inference_steps=150, seed=1)
        leaver = live.stub.GenerateImages.future(request, timeout=60)
        request.seed = 2
        stayer = live.stub.GenerateImages.future(request, timeout=60)
        wait_until(lambda: passed_rows(live) >= before + 4, "the batch runs")
        leaver.cancel()
        reply = stayer.result()
        assert reply.images[0].seed == 2
        assert (reply.stats.batch_sizes.min, reply.stats.batch_sizes.max) == (1, 2)
        wait_for_rest(live, timeout=10)
        assert passed_rows(live) - before < 2 * 150


def test_deadline_that_cannot_be_kept_costs_no_step_and_no_neighbour():
    with LiveServer("--batch-window", "2s") as live:
        before = passed_rows(live)
        stayer = send(live, seed=1)
        wait_for_queue_depth(live, 1)
        request = raw_request(num_inference_steps=150, num_images=4, seed=2)
        late = expect_failure(lambda: live.stub.GenerateImages(request, timeout=0.5))
        assert late.code == grpc.StatusCode.DEADLINE_EXCEEDED
        reply = stayer.result()
        assert reply.images[0].seed == 1
        assert reply.stats.batch_sizes.max == 1
        wait_for_rest(live, timeout=10)
        assert passed_rows(live) - before == STEPS


def test_many_cancellations_leave_nothing_behind():
    with LiveServer("--batch-window", "1ms", "--max-queued-images", "1024") as live:
        calls = [send(live, seed=seed) for seed in range(100)]
        for call in calls[::2]:
            call.cancel()
        for seed, call in enumerate(calls):
            if call.code() == grpc.StatusCode.OK:  # Waits for the answer.
                assert call.result().images[0].seed == seed
            else:
                assert (seed % 2, call.code()) == (0, grpc.StatusCode.CANCELLED)
        wait_for_rest(live, timeout=10)
