"""Rows 75-81 of the fault catalogue over a real socket: start, drain, and every kind of end."""

import os
import pathlib
import signal
import socket
import subprocess
import threading
import time
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from draws import draw_prompt, seeded_random
from live_server import LiveServer, clean_environment, program, wait_for_live_calls, wait_until
from pictures import pixels_of, raw_request
from protos import pb, rpc
from rpc_errors import failure_of
from surviving_server import wait_for_rest, expect_serving
from tcp_proxy import TcpProxy

ROUNDS = int(os.environ.get("DARKROOM_SIGTERM_ROUNDS", "12"))
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
SERVICE = "darkroom.v1.ImageGenerationService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
ANSWER = 240  # Seconds after which a call counts as never answered.
PATIENCE = 3600  # So much that no request is refused for want of time.
# Two seconds are promised, and the rest is for a busy machine; a step of HUGE takes about as long.
AT_ONCE = 4
# A reader who lets gRPC send a quarter of this picture before it hears from him.
NARROW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 12 << 10)]
WIDE = {"width": 128, "height": 128, "num_inference_steps": 1}
HUGE = {"width": 1024, "height": 1024, "num_inference_steps": 2}

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(autouse=True)
def still_serving():
    """Most servers of this file are at their end after a test."""


def send(live, channel=None, timeout=PATIENCE, **fields):
    stub = rpc.ImageGenerationServiceStub(channel or live.channel)
    return stub.GenerateImages.future(raw_request(**fields), timeout=timeout)


def stream(live, channel=None, timeout=PATIENCE, **fields):
    stub = rpc.ImageGenerationServiceStub(channel or live.channel)
    request = pb.StreamImagesRequest(generation=raw_request(**fields))
    return stub.StreamImages(request, timeout=timeout)


def watch_health(live):
    stub = health_pb2_grpc.HealthStub(live.open_channel())
    return stub.Watch(health_pb2.HealthCheckRequest(service=SERVICE), timeout=PATIENCE)


def wait_for_device(live):
    """Until a call of the device has begun that takes long."""
    wait_until(lambda: live.metric("darkroom_queue_depth") == 0, "nothing waits", timeout=60)


def outcomes_of(calls, streams=()):
    """The codes of all answers. A stream ends only for who reads it."""
    for each in streams:
        try:
            list(each)
        except grpc.RpcError:
            pass
    return [call.code() for call in [*calls, *streams]]


class Caller:
    """Sends requests until told to stop, and keeps what was asked and what came of it."""

    def __init__(self, live, rng):
        self._channel = live.open_channel()
        self._rng = rng
        self._over = threading.Event()
        self.accepted = []
        self.results = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self):
        self._over.set()

    def join(self):
        self._thread.join(ANSWER + 30)
        assert not self._thread.is_alive(), "a call was never answered"

    def _run(self):
        while not self._over.is_set():
            fields = {
                "prompt": draw_prompt(self._rng),
                "seed": self._rng.getrandbits(64),
                "num_images": self._rng.randint(1, 3),
                "num_inference_steps": self._rng.randint(1, 8),
            }
            images = []
            try:
                for message in stream(None, self._channel, **fields):
                    if message.WhichOneof("event") == "queued":
                        self.accepted.append(fields["seed"])
                    elif message.WhichOneof("event") == "image":
                        images.append(message.image)
                self.results.append((fields, OK, images))
            except grpc.RpcError as error:
                self.results.append((fields, error.code(), images))
                self._over.wait(0.05)


def expect_answers(callers, drain_is_ample):
    for caller in callers:
        for fields, code, images in caller.results:
            assert code in (OK, UNAVAILABLE), (code, fields)
            if code != OK:
                assert not drain_is_ample or fields["seed"] not in caller.accepted, fields
                continue
            seeds = sorted((image.seed - fields["seed"]) % 2**64 for image in images)
            assert seeds == list(range(fields["num_images"]))
            for image in images:
                pixels_of(image)  # Whole.


@pytest.mark.timeout(60 + 60 * ROUNDS)
def test_row_75_sigterm_at_drawn_moments_under_load():
    rng = seeded_random()
    for number in range(ROUNDS):
        lame_duck, patience = rng.choice((0, 0, 0.3)), rng.choice((0, 0.2, 300, 300))
        moment = rng.uniform(0, 2)
        what = f"round {number}: after {moment:.3f} s, {lame_duck} s lame, {patience} s patience"
        print(what)
        flags = ["--batch-window", "5ms", "--max-batch-size", "4", "--max-queued-images", "10000"]
        flags += ["--lame-duck", f"{lame_duck}s", "--drain-timeout", f"{patience}s"]
        flags += ["--threads", "1"]
        with LiveServer(*flags) as live:
            drawn = [type(rng)(rng.getrandbits(64)) for _ in range(4)]
            callers = [Caller(live, own) for own in drawn]
            try:
                time.sleep(moment)
                live.process.send_signal(signal.SIGTERM)
                assert live.process.wait(ANSWER) == 0, what
            finally:
                for caller in callers:
                    caller.stop()
                for caller in callers:
                    caller.join()
        expect_answers(callers, drain_is_ample=patience == 300)


def test_row_75_sigterm_with_a_full_queue():
    flags = ["--batch-window", "600s", "--max-queued-images", "8", "--max-batch-size", "16"]
    with LiveServer(*flags) as live:
        calls = [send(live, seed=seed, num_inference_steps=2) for seed in range(8)]
        wait_for_live_calls(live, 8, timeout=60)
        refused = failure_of(send(live, num_inference_steps=2).exception())
        assert refused.reason == "QUEUE_FULL"
        live.process.send_signal(signal.SIGTERM)
        assert [call.result().images[0].seed for call in calls] == list(range(8))
        assert live.process.wait(60) == 0


def test_row_75_reply_over_a_long_way_arrives():
    with LiveServer("--batch-window", "0s") as live, TcpProxy(live.address, delay=1.0) as proxy:
        with grpc.insecure_channel(proxy.address, NARROW) as channel:
            call = send(live, channel, **WIDE)
            wait_for_live_calls(live, 1, timeout=60)
            live.process.send_signal(signal.SIGTERM)
            pixels_of(call.result().images[0])
            assert live.process.wait(60) == 0


def test_row_75_reader_that_has_vanished_does_not_hold_the_exit():
    flags = ["--batch-window", "100ms", "--drain-timeout", "2s"]
    with LiveServer(*flags) as live, TcpProxy(live.address) as proxy:
        with grpc.insecure_channel(proxy.address, NARROW) as channel:
            call, streamed = send(live, channel, **WIDE), stream(live, channel, **WIDE)
            wait_for_live_calls(live, 2, timeout=60)
            proxy.part()
            wait_until(lambda: live.metric("darkroom_images_total") == 2, "images", timeout=60)
            live.process.send_signal(signal.SIGTERM)
            assert live.process.wait(60) == 0
            proxy.heal()
            assert outcomes_of([call], [streamed]) == [UNAVAILABLE] * 2


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("lame_duck", ["0s", "600s"])
def test_row_76_second_signal_ends_at_once(second, lame_duck):
    flags = ["--batch-window", "600s", "--max-batch-size", "2", "--lame-duck", lame_duck]
    with LiveServer(*flags) as live:
        watch = watch_health(live)
        assert next(watch).status == SERVING
        calls = [send(live, num_inference_steps=150, seed=seed) for seed in range(5)]
        streamed = stream(live, num_inference_steps=150)
        wait_for_live_calls(live, 6, timeout=60)
        live.process.send_signal(signal.SIGTERM)
        assert next(watch).status == NOT_SERVING
        live.process.send_signal(second)
        assert live.process.wait(AT_ONCE) == 0
        assert outcomes_of(calls, [streamed]) == [UNAVAILABLE] * 6


def test_row_76_second_signal_does_not_wait_for_a_long_step():
    with LiveServer("--batch-window", "0s", "--max-batch-size", "1") as live:
        calls = [send(live, **HUGE)]
        wait_for_live_calls(live, 1, timeout=60)
        wait_for_device(live)
        calls.append(send(live, **HUGE))
        streamed = stream(live, **HUGE)
        wait_for_live_calls(live, 3, timeout=60)
        live.process.send_signal(signal.SIGTERM)
        live.process.send_signal(signal.SIGINT)
        assert live.process.wait(AT_ONCE) == 0
        assert outcomes_of(calls, [streamed]) == [UNAVAILABLE] * 3


def test_row_50_hung_device_ends_the_server_with_1():
    with LiveServer("--batch-window", "0s", "--step-timeout", "100ms") as live:
        watch = watch_health(live)
        assert next(watch).status == SERVING
        with futures.ThreadPoolExecutor() as reader:
            news = reader.submit(next, watch)  # A client drops what it has not read by the end.
            call, streamed = send(live, **HUGE), stream(live, **HUGE)
            live.expect_exit(1)
            assert outcomes_of([call], [streamed]) == [UNAVAILABLE] * 2
            assert news.result().status == NOT_SERVING
        assert "a device has not answered" in live.log()


def test_row_77_sigkill_mid_stream_and_the_same_images_again():
    fields = {"num_images": 2, "seed": 11, "num_inference_steps": 30}
    flags = ["--batch-window", "0s", "--max-batch-size", "1", "--determinism", "bits"]
    with LiveServer(*flags) as live:
        call, events = stream(live, **fields), []
        with pytest.raises(grpc.RpcError) as raised:
            for message in call:
                events.append(message)
                if message.WhichOneof("event") == "image":
                    live.stop(signal.SIGKILL)
        assert failure_of(raised.value).code == UNAVAILABLE
    kinds = [event.WhichOneof("event") for event in events]
    assert "image" in kinds and "completed" not in kinds
    received = [event.image for event in events if event.WhichOneof("event") == "image"]
    with LiveServer(*flags) as live:
        reply = live.stub.GenerateImages(raw_request(**fields), timeout=ANSWER)
        for image in received:
            assert image.data == reply.images[image.index].data
        expect_serving(live)


def test_row_78_late_request_is_told_to_go_elsewhere():
    with LiveServer("--batch-window", "0s", "--lame-duck", "500ms") as live:
        held = send(live, num_inference_steps=150)
        wait_for_live_calls(live, 1, timeout=60)
        channel = live.open_channel()
        live.process.send_signal(signal.SIGTERM)
        assert len(send(live, channel, num_inference_steps=1).result().images) == 1
        sent = []

        def refused_one():
            sent.append(send(live, channel, num_inference_steps=1))
            time.sleep(0.05)
            return next((call for call in sent if call.done() and call.exception()), None)

        failure = failure_of(wait_until(refused_one, "a refusal", timeout=60).exception())
        assert (failure.code, failure.reason) == (UNAVAILABLE, "DRAINING")
        assert failure.trailers["grpc-retry-pushback-ms"] == "1"
        assert len(held.result().images) == 1
        assert live.process.wait(60) == 0
        gone = failure_of(send(live, live.open_channel(), num_inference_steps=1).exception())
        assert gone.code == UNAVAILABLE


def test_row_79_drain_too_short_for_the_queue_serves_the_oldest():
    flags = ["--batch-window", "0s", "--max-batch-size", "1", "--drain-timeout", "1s"]
    with LiveServer(*flags) as live:
        streams = [stream(live, num_inference_steps=10)]
        while next(streams[-1]).WhichOneof("event") == "queued" and len(streams) < 24:
            streams.append(stream(live, num_inference_steps=10))
        live.process.send_signal(signal.SIGTERM)
        codes = outcomes_of([], streams)
        assert live.process.wait(60) == 0
    served = codes.count(OK)
    assert codes == [OK] * served + [UNAVAILABLE] * (24 - served)
    assert served < 24


def test_row_80_watch_hears_of_the_drain_before_the_port_closes():
    with LiveServer("--batch-window", "0s", "--lame-duck", "600s") as live:
        watch = watch_health(live)
        assert next(watch).status == SERVING
        live.process.send_signal(signal.SIGTERM)
        assert next(watch).status == NOT_SERVING
        channel = live.open_channel()  # A connection of its own.
        assert len(send(live, channel, num_inference_steps=1).result().images) == 1
        assert live.stop(timeout=AT_ONCE) == 0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_row_81_start_under_traffic():
    address = f"127.0.0.1:{free_port()}"
    channel = grpc.insecure_channel(address, options=[("grpc.max_reconnect_backoff_ms", 200)])
    stub = rpc.ImageGenerationServiceStub(channel)
    request = raw_request(num_inference_steps=1)
    patient = [
        stub.GenerateImages.future(request, timeout=ANSWER, wait_for_ready=True) for _ in range(8)
    ]
    codes, ready = [], threading.Event()

    def hurry():
        while OK not in codes:
            asked_before_ready = not ready.is_set()
            code = stub.GenerateImages.future(request, timeout=ANSWER).code()
            codes.append(code)
            assert asked_before_ready or code in (OK, UNAVAILABLE)
            time.sleep(0.02)

    hurried = threading.Thread(target=hurry)
    hurried.start()
    with LiveServer("--batch-window", "0s", "--listen", address) as live:
        ready.set()
        assert outcomes_of(patient) == [OK] * 8
        hurried.join(ANSWER)
        assert set(codes) == {UNAVAILABLE, OK} and codes.index(OK) == len(codes) - 1
        wait_for_rest(live)
        expect_serving(live)
    channel.close()


def test_row_81_sigterm_while_loading():
    rng = seeded_random()
    for _ in range(3):
        process = subprocess.Popen(
            [program("darkroom-server"), "--listen", "127.0.0.1:0", "--lame-duck", "0s"]
            + ["--metrics-listen", "127.0.0.1:0"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
        )
        status = pathlib.Path(f"/proc/{process.pid}/status")
        wait_until(lambda: blocks(status, signal.SIGTERM), "signals are held")
        time.sleep(rng.uniform(0, 1))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
        assert process.returncode == 0


def blocks(status, number):
    """Whether the main thread of the process with this /proc/PID/status blocks the signal."""
    line = next(line for line in status.read_text().splitlines() if line.startswith("SigBlk:"))
    return int(line.split()[1], 16) >> (number - 1) & 1
