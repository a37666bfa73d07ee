"""Rows 82-88 of the fault catalogue over a real socket: ways, replicas, scrapers, a long run."""

import asyncio
import concurrent.futures
import itertools
import json
import os
import pathlib
import socket
import statistics
import subprocess
import threading
import time
import urllib.request

import grpc
import pytest
from prometheus_client import parser

from draws import draw_prompt, seeded_random
from live_server import (
    LiveServer,
    clean_environment,
    free_addresses,
    program,
    wait_for_live_calls,
    wait_until,
)
from pictures import raw_request
from protos import pb, rpc
from rpc_errors import expect_failure, failure_of
from surviving_server import wait_for_rest, expect_serving
from tcp_proxy import TcpProxy

SOAK_SECONDS = float(os.environ.get("DARKROOM_SOAK_SECONDS", "60"))
ANSWER = 240  # Seconds after which a call counts as never answered.
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
KEEPALIVE = 20  # Of the server, in seconds; after 10 more a silent peer is dead.

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def proxied(server, request):
    """A stub whose calls go through a TcpProxy with the test's parameters."""
    with TcpProxy(server.address, **request.param) as proxy:
        with grpc.insecure_channel(proxy.address) as channel:
            yield proxy, rpc.ImageGenerationServiceStub(channel)


def policy():
    retry = {
        "maxAttempts": 5,
        "initialBackoff": "0.1s",
        "maxBackoff": "2s",
        "backoffMultiplier": 2,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    method = {"name": [{"service": "darkroom.v1.ImageGenerationService"}], "retryPolicy": retry}
    return json.dumps({"loadBalancingConfig": [{"round_robin": {}}], "methodConfig": [method]})


def test_row_82_rolling_restart_of_three_replicas_fails_no_call():
    addresses = free_addresses(3)
    flags = ["--batch-window", "5ms", "--max-batch-size", "2", "--lame-duck", "1s"]
    flags += ["--threads", "1"]  # The replicas share one machine.

    def start(address):
        return LiveServer(*flags, "--listen", address).__enter__()

    replicas = [start(address) for address in addresses]
    options = [("grpc.service_config", policy()), ("grpc.max_reconnect_backoff_ms", 500)]
    answers, over = [], threading.Event()
    try:
        with grpc.insecure_channel("ipv4:" + ",".join(addresses), options) as channel:
            stub = rpc.ImageGenerationServiceStub(channel)

            def call_on(caller):
                for seed in range(caller, 1 << 20, 4):
                    if over.is_set():
                        return
                    request = raw_request(prompt="a cat", seed=seed, num_inference_steps=2)
                    call = stub.GenerateImages.future(request, timeout=ANSWER)
                    answers.append((seed, call.code(), call.details()))
                    if call.code() == OK:
                        assert [image.seed for image in call.result().images] == [seed]

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                callers = [pool.submit(call_on, caller) for caller in range(4)]
                try:
                    for index, address in enumerate(addresses):
                        served = len(answers)
                        wait_until(lambda: len(answers) >= served + 8, "calls pass", timeout=60)
                        assert replicas[index].stop() == 0
                        replicas[index] = start(address)
                finally:
                    over.set()
            for caller in callers:
                caller.result()
        assert [answer for answer in answers if answer[1] != OK] == []
        for replica in replicas:
            wait_for_rest(replica)
            expect_serving(replica)
    finally:
        for replica in replicas:
            replica.__exit__(None, None, None)


def test_row_83_connection_that_is_too_old_lets_its_call_end():
    flags = ["--batch-window", "4s", "--max-connection-age", "1s"]
    with LiveServer(*flags) as live, TcpProxy(live.address) as proxy:
        with grpc.insecure_channel(proxy.address) as channel:
            stub = rpc.ImageGenerationServiceStub(channel)
            request = raw_request(seed=3, num_inference_steps=2)
            old = stub.GenerateImages.future(request, timeout=ANSWER)
            # Its window is longer than the connection may live, which ends in a second and a bit.
            wait_for_live_calls(live, 1, timeout=90)
            while proxy.connections == 1 and not old.done():
                stub.GetModel(pb.GetModelRequest(), timeout=ANSWER)
                time.sleep(0.05)
            assert proxy.connections > 1 and not old.done()
            assert old.result().images[0].seed == 3
        expect_serving(live)


def made_images(live):
    return live.metric("darkroom_images_total")


@pytest.mark.parametrize(
    "proxied", [{"delay": 0.2}, {"segment": 7}, {"delay": 0.1, "segment": 536}], indirect=True
)
def test_row_84_way_is_long_or_in_small_segments(server, proxied):
    _, stub = proxied
    before = made_images(server)
    request = raw_request(prompt="a cat", seed=5, num_inference_steps=2, num_images=2)
    reply = stub.GenerateImages(request, timeout=ANSWER)
    assert [image.seed for image in reply.images] == [5, 6]
    assert made_images(server) - before == 2
    stream = stub.StreamImages(pb.StreamImagesRequest(generation=request), timeout=ANSWER)
    kinds = [message.WhichOneof("event") for message in stream]
    assert kinds.count("image") == 2 and kinds[-1] == "completed"


@pytest.mark.parametrize("proxied", [{}], indirect=True)
def test_row_84_way_that_stalls_again_and_again_costs_time_alone(server, proxied):
    proxy, stub = proxied
    rng = seeded_random()
    before = made_images(server)
    requests = [raw_request(seed=seed, num_inference_steps=4) for seed in range(12)]
    calls = [stub.GenerateImages.future(request, timeout=ANSWER) for request in requests]
    while not all(call.done() for call in calls):
        time.sleep(rng.uniform(0, 0.1))
        proxy.part()
        time.sleep(rng.choice((0.02, 0.2, 0.4)))  # As long as TCP takes to send again.
        proxy.heal()
    assert [call.result().images[0].seed for call in calls] == list(range(12))
    assert made_images(server) - before == 12


@pytest.mark.parametrize("proxied", [{}], indirect=True)
def test_row_84_partition_that_heals_costs_time_alone(server, proxied):
    proxy, stub = proxied
    before = made_images(server)
    call = stub.GenerateImages.future(raw_request(seed=9, num_inference_steps=8), timeout=ANSWER)
    wait_for_live_calls(server, 1, timeout=90)
    proxy.part()
    time.sleep(5)
    assert not call.done()
    proxy.heal()
    assert call.result().images[0].seed == 9
    assert made_images(server) - before == 1


@pytest.mark.parametrize("proxied", [{}], indirect=True)
def test_row_84_partition_beyond_the_deadline(server, proxied):
    proxy, stub = proxied
    stub.GetModel(pb.GetModelRequest(), timeout=ANSWER)
    proxy.part()
    late = expect_failure(lambda: stub.GenerateImages(raw_request(), timeout=2))
    assert late.code == grpc.StatusCode.DEADLINE_EXCEEDED
    expect_serving(server)
    proxy.heal()


def test_row_84_partition_for_good_frees_the_row():
    with LiveServer("--batch-window", "600s") as live, TcpProxy(live.address) as proxy:
        with grpc.insecure_channel(proxy.address) as channel:
            stub = rpc.ImageGenerationServiceStub(channel)
            lost = stub.GenerateImages.future(raw_request(), timeout=ANSWER)
            wait_until(lambda: live.metric("darkroom_queue_depth") == 1, "it waits", timeout=60)
            proxy.part()
            wait_for_rest(live, timeout=KEEPALIVE + 10 + 30)
            proxy.heal()
            assert lost.code() == UNAVAILABLE
        assert made_images(live) == 0


def test_row_85_keepalive_holds_a_silent_call_open():
    flags = ["--batch-window", f"{2 * KEEPALIVE + 8}s"]
    with LiveServer(*flags) as live, TcpProxy(live.address, idle_timeout=KEEPALIVE + 6) as proxy:
        with grpc.insecure_channel(proxy.address) as channel:
            stub = rpc.ImageGenerationServiceStub(channel)
            reply = stub.GenerateImages(raw_request(seed=4, num_inference_steps=1), timeout=ANSWER)
        assert reply.stats.queue_wait.ToTimedelta().total_seconds() > KEEPALIVE + 6
        assert (reply.images[0].seed, proxy.cut) == (4, 0)


def test_row_85_proxy_that_cuts_before_the_keepalive_frees_the_row():
    flags = ["--batch-window", "600s"]
    with LiveServer(*flags) as live, TcpProxy(live.address, idle_timeout=2) as proxy:
        with grpc.insecure_channel(proxy.address) as channel:
            stub = rpc.ImageGenerationServiceStub(channel)
            call = stub.GenerateImages.future(raw_request(), timeout=ANSWER)
            assert failure_of(call.exception()).code == UNAVAILABLE
            assert proxy.cut == 1
            wait_for_rest(live)


def test_row_85_progress_messages_hold_a_stream_open(server):
    with TcpProxy(server.address, idle_timeout=8) as proxy:
        with grpc.insecure_channel(proxy.address) as channel:
            stub = rpc.ImageGenerationServiceStub(channel)
            request = pb.StreamImagesRequest(generation=raw_request(num_inference_steps=150))
            steps = [
                message.progress.step
                for message in stub.StreamImages(request, timeout=ANSWER)
                if message.WhichOneof("event") == "progress"
            ]
    assert steps == sorted(steps) and proxy.cut == 0
    assert len(steps) > 10


def test_row_86_newest_python_client_sync_and_asyncio(server):
    request = raw_request(prompt="a sun", seed=21, num_inference_steps=2)
    expected = server.stub.GenerateImages(request, timeout=ANSWER).images[0].data

    async def both():
        async with grpc.aio.insecure_channel(server.address) as channel:
            stub = rpc.ImageGenerationServiceStub(channel)
            reply = await stub.GenerateImages(request, timeout=ANSWER)
            streamed = stub.StreamImages(
                pb.StreamImagesRequest(generation=request), timeout=ANSWER
            )
            images = [
                message.image.data
                async for message in streamed
                if message.WhichOneof("event") == "image"
            ]
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await stub.GenerateImages(raw_request(width=3), timeout=ANSWER)
            return reply.images[0].data, images, failure_of(raised.value)

    data, images, failure = asyncio.run(both())
    assert data == expected and images == [expected]
    assert failure.reason == "INVALID_FIELD" and "width" in failure.violations


class NewestServer(rpc.ImageGenerationServiceServicer):
    """Answers every request with one and the same picture."""

    def __init__(self, reply):
        self._reply = reply

    def GenerateImages(self, request, context):
        return self._reply


def test_row_86_client_of_1_51_calls_the_newest_grpc_server(server, tmp_path):
    reply = server.stub.GenerateImages(
        pb.GenerateImagesRequest(seed=5, num_inference_steps=1), timeout=ANSWER
    )
    newest = grpc.server(concurrent.futures.ThreadPoolExecutor(2))
    rpc.add_ImageGenerationServiceServicer_to_server(NewestServer(reply), newest)
    port = newest.add_insecure_port("127.0.0.1:0")
    newest.start()
    try:
        command = [program("darkroom"), "--server", f"127.0.0.1:{port}", "generate"]
        command += ["a sun", "--seed", "5", "--output", str(tmp_path)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=clean_environment()
        )
    finally:
        newest.stop(None).wait()
    assert done.returncode == 0, done.stderr
    assert [path.read_bytes() for path in tmp_path.glob("*.png")] == [reply.images[0].data]


def scrape(live, timeout=30):
    """One scrape: its seconds, and the names of its samples."""
    begin = time.monotonic()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{live.metrics_address}/metrics", timeout=timeout) as response:
        text = response.read().decode()
    families = parser.text_string_to_metric_families(text)
    return time.monotonic() - begin, {family.name for family in families}


def test_row_87_50_scrapes_at_once_during_a_batch(server):
    request = raw_request(num_inference_steps=40, num_images=4)
    batch = server.stub.GenerateImages.future(request, timeout=ANSWER)
    wait_for_live_calls(server, 1, timeout=90)
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        scrapes = list(pool.map(lambda _: scrape(server), range(50)))
    assert len({frozenset(names) for _, names in scrapes}) == 1
    assert len(batch.result().images) == 4


def test_row_87_slow_scrapers_hold_up_neither_others_nor_the_images(server):
    host, _, port = server.metrics_address.rpartition(":")
    slow = [socket.create_connection((host, int(port))) for _ in range(32)]
    try:
        for index, connection in enumerate(slow):
            # Half have asked for nothing yet; half never end their request.
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n"[: 99 * (index % 2)])
        time.sleep(0.5)
        took, names = scrape(server)
        assert "darkroom_live_calls" in names
        assert took < 15  # They have two seconds each, twice as many as there are threads.
        expect_serving(server)
    finally:
        for connection in slow:
            connection.close()


def open_files(live):
    return len(list(pathlib.Path(f"/proc/{live.process.pid}/fd").iterdir()))


def one_of_all_kinds(live, rng):
    """A call of some kind, and some of its ends: an image, a refusal, a cancellation."""
    fields = {
        "prompt": draw_prompt(rng),
        "num_inference_steps": rng.randint(1, 4),
        "num_images": rng.randint(1, 2),
    }
    with live_channel(live) as channel:
        stub = rpc.ImageGenerationServiceStub(channel)
        kind = rng.choice(("image", "stream", "invalid", "cancel", "late", "vanish"))
        if kind == "image":
            assert stub.GenerateImages(raw_request(**fields), timeout=ANSWER).images
            return
        if kind == "invalid":
            expect_failure(lambda: stub.GenerateImages(raw_request(width=9), timeout=ANSWER))
            return
        if kind == "late":
            expect_failure(lambda: stub.GenerateImages(raw_request(**fields), timeout=0.001))
            return
        request = pb.StreamImagesRequest(generation=raw_request(**fields))
        stream = stub.StreamImages(request, timeout=ANSWER)
        next(stream)
        if kind == "stream":
            assert [message.WhichOneof("event") for message in stream][-1] == "completed"
        elif kind == "cancel":
            stream.cancel()


def live_channel(live):
    return grpc.insecure_channel(live.address, [("grpc.use_local_subchannel_pool", 1)])


def steady_growth(sizes, windows=10):
    """What a leak adds to these sizes in all. A heap also grows in a few large steps, when threads
    or batches come together as never before, and then stays; a leak grows in every window."""
    marks = [sizes[index * (len(sizes) - 1) // windows] for index in range(windows + 1)]
    return windows * statistics.median(b - a for a, b in itertools.pairwise(marks))


def test_row_88_soak_leaves_memory_and_files_as_they_were(server):
    rng = seeded_random()
    begin = time.monotonic()
    marks = []  # (share of the time, RSS, files), at rest.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        while (share := (time.monotonic() - begin) / SOAK_SECONDS) < 1:
            kinds = [type(rng)(rng.getrandbits(64)) for _ in range(12)]
            for done in [pool.submit(one_of_all_kinds, server, own) for own in kinds]:
                done.result()
            wait_for_rest(server)
            marks.append((share, server.rss_bytes(), open_files(server)))
    late = [mark for mark in marks if mark[0] > 0.3]
    assert len(late) > 20, marks
    print(late)
    assert steady_growth([size for _, size, _ in late]) < 4 << 20
    assert late[-1][1] - late[0][1] < 96 << 20
    assert late[-1][2] - late[0][2] <= 4
