"""SIGTERM over a real socket: every accepted request gets its image, late ones a clear refusal."""

import signal
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from live_server import LiveServer, wait_for_live_calls, wait_until
from pictures import pixels_of, raw_request
from protos import rpc
from rpc_errors import expect_failure, failure_of

pytestmark = pytest.mark.timeout(240)

SERVICE = "darkroom.v1.ImageGenerationService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def send(live, channel=None, timeout=200, **fields):
    stub = rpc.ImageGenerationServiceStub(channel or live.channel)
    return stub.GenerateImages.future(raw_request(**fields), timeout=timeout)


def health_of(live, name):
    stub = health_pb2_grpc.HealthStub(live.channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=20).status


def test_sigterm_with_24_accepted_requests_makes_all_24_images():
    flags = ["--batch-window", "2s", "--max-batch-size", "8", "--lame-duck", "100ms"]
    with LiveServer(*flags) as live:
        channels = [live.open_channel() for _ in range(3)]
        fields = {"prompt": "a penguin", "num_inference_steps": 30}
        calls = [send(live, channels[seed % 3], seed=seed, **fields) for seed in range(24)]
        wait_for_live_calls(live, 24)
        live.process.send_signal(signal.SIGTERM)
        replies = [call.result() for call in calls]
        assert live.process.wait(60) == 0
    assert [reply.images[0].seed for reply in replies] == list(range(24))
    pictures = {pixels_of(reply.images[0]).tobytes() for reply in replies}
    assert len(pictures) == 24


def test_drain_does_not_wait_for_the_window():
    with LiveServer("--batch-window", "600s", "--lame-duck", "0s") as live:
        calls = [send(live, seed=seed, num_inference_steps=2) for seed in range(3)]
        wait_for_live_calls(live, 3)
        live.process.send_signal(signal.SIGTERM)
        assert {call.result().stats.batch_sizes.max for call in calls} == {3}
        assert live.process.wait(60) == 0


def test_idle_server_exits_at_once_with_0():
    with LiveServer("--lame-duck", "0s") as live:
        assert live.stop(timeout=10) == 0


def test_sigint_is_a_clean_exit_too():
    with LiveServer("--lame-duck", "0s") as live:
        assert live.stop(signal.SIGINT, timeout=10) == 0


def test_signal_of_its_own_from_elsewhere_does_not_make_it_deaf():
    with LiveServer() as live:
        live.process.send_signal(signal.SIGUSR1)
        assert send(live, num_inference_steps=1).result().images
        live.process.send_signal(signal.SIGTERM)
        assert live.process.wait(60) == 0


def test_lame_duck_serves_but_is_not_ready():
    with LiveServer("--batch-window", "0s", "--lame-duck", "5s") as live:
        assert health_of(live, SERVICE) == SERVING
        assert live.metric("darkroom_ready") == 1
        live.process.send_signal(signal.SIGTERM)
        wait_until(lambda: health_of(live, SERVICE) == NOT_SERVING, "NOT_SERVING", timeout=3)
        assert health_of(live, "") == NOT_SERVING
        assert health_of(live, "liveness") == SERVING
        assert live.metric("darkroom_ready") == 0
        assert len(send(live, num_inference_steps=1).result().images) == 1
        assert live.process.wait(60) == 0


def test_health_watch_hears_of_the_drain():
    with LiveServer("--lame-duck", "1s") as live:
        stub = health_pb2_grpc.HealthStub(live.channel)
        request = health_pb2.HealthCheckRequest(service=SERVICE)
        watch = stub.Watch(request, timeout=60)
        assert next(watch).status == SERVING
        live.process.send_signal(signal.SIGTERM)
        assert next(watch).status == NOT_SERVING
        watch.cancel()
        assert live.process.wait(60) == 0


def test_open_health_watch_does_not_hold_the_exit():
    with LiveServer("--lame-duck", "0s") as live:
        stub = health_pb2_grpc.HealthStub(live.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="liveness"), timeout=60)
        assert next(watch).status == SERVING
        assert live.stop(timeout=20) == 0


def test_request_after_the_lame_duck_is_refused_and_accepted_ones_finish():
    with LiveServer("--batch-window", "0s", "--max-batch-size", "2", "--lame-duck", "1s") as live:
        held = [send(live, seed=seed, num_inference_steps=150) for seed in range(4)]
        wait_for_live_calls(live, 4)
        live.process.send_signal(signal.SIGTERM)

        # One small request after another, unawaited, until the first is refused.
        sent, pause = [], threading.Event()

        def refused_one():
            sent.append(send(live, num_inference_steps=1))
            pause.wait(0.05)
            return next((call for call in sent if call.done() and call.exception()), None)

        refused = wait_until(refused_one, "a request is refused", timeout=30)
        failure = failure_of(refused.exception())
        assert not all(call.done() for call in held), "the images were done before the lame duck"
        assert (failure.code, failure.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")
        assert failure.retry is not None

        assert [call.result().images[0].seed for call in held] == list(range(4))
        # Every other small one was accepted and served, or refused in the same way.
        outcomes = {call.code() for call in sent if wait_until(call.done, "an answer", 60)}
        assert outcomes <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        assert live.process.wait(120) == 0
        failure = expect_failure(lambda: send(live, num_inference_steps=1, timeout=20).result())
        assert failure.code == grpc.StatusCode.UNAVAILABLE


def test_drain_timeout_ends_what_cannot_finish():
    flags = ["--batch-window", "0s", "--lame-duck", "0s", "--drain-timeout", "500ms"]
    with LiveServer(*flags, "--max-batch-size", "1") as live:
        # So much patience that nobody is refused for want of it.
        calls = [
            send(live, timeout=3600, seed=seed, num_inference_steps=150) for seed in range(16)
        ]
        wait_for_live_calls(live, 16)
        live.process.send_signal(signal.SIGTERM)
        codes = [call.code() for call in calls]  # Waits for the answer.
        assert set(codes) <= {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        assert grpc.StatusCode.UNAVAILABLE in codes
        assert live.process.wait(20) == 0
