"""Rows 28, 29, 43, 45 and 46 of docs/faults.md: more work than there is time for."""

import collections
import json
import os
import statistics
import threading
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from live_server import LiveServer, steps_made, wait_until
from pictures import raw_request
from protos import rpc
from rpc_errors import expect_failure
from surviving_server import surviving_server, wait_for_rest

pytestmark = pytest.mark.timeout(300)

OK, FULL = grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED
# One at a time, and nobody overtakes: while one is made, the others wait.
ONE_AT_A_TIME = ["--batching", "static", "--batch-window", "0s", "--max-batch-size", "1"]
LONG = {"num_inference_steps": 150, "width": 512, "height": 512}
REFUSALS = 20
STORMERS, STORM = 4, 250
OVERLOAD, MEASURE_SECONDS, WAITERS = 10, 5, 16
OVERLOAD_SECONDS = int(os.environ.get("DARKROOM_OVERLOAD_SECONDS", "10"))
MOST_OVERTAKERS = 64


def send(live, stub=None, metadata=None, **fields):
    request = raw_request(**{"num_inference_steps": 1, **fields})
    return (stub or live.stub).GenerateImages.future(request, timeout=3600, metadata=metadata)


def occupy(live, **options):
    """A call that holds the device until it is cancelled."""
    before = steps_made(live)
    holder = send(live, **LONG, **options)
    wait_until(lambda: steps_made(live) > before, "the device is busy", timeout=60)
    return holder


def wait_for_queue_depth(live, depth):
    wait_until(lambda: live.metric("darkroom_queue_depth") == depth, f"{depth} images wait")


def refusal_milliseconds(live, reason):
    """What the server took for each refusal of this reason, by its own log."""
    lines = [json.loads(line) for line in live.log().splitlines() if line.startswith("{")]
    return [line["total_ms"] for line in lines if line.get("reason") == reason]


def test_row_28_full_queue_refuses_at_once_and_keeps_the_order_of_who_waits():
    with surviving_server(*ONE_AT_A_TIME, "--max-queued-images", "4") as live:
        holder = occupy(live)
        ended, waiting = [], []
        for seed in range(4):
            waiting.append(send(live, seed=seed))
            waiting[-1].add_done_callback(lambda call, seed=seed: ended.append(seed))
            wait_for_queue_depth(live, seed + 1)
        for _ in range(REFUSALS):
            failure = expect_failure(lambda: send(live).result())
            assert (failure.code, failure.reason) == (FULL, "QUEUE_FULL")
            assert failure.retry.retry_delay.ToTimedelta().total_seconds() > 0
            assert int(failure.trailers["grpc-retry-pushback-ms"]) > 0
        wait_until(lambda: len(refusal_milliseconds(live, "QUEUE_FULL")) == REFUSALS, "all logged")
        assert statistics.median(refusal_milliseconds(live, "QUEUE_FULL")) < 5
        assert live.metric("darkroom_queue_depth") == 4
        holder.cancel()
        assert [call.result().images[0].seed for call in waiting] == list(range(4))
        wait_until(lambda: len(ended) == 4, "all have ended")
        assert ended == list(range(4))


def test_row_29_tenant_over_its_share_is_refused_and_others_are_served(tmp_path):
    tokens = {"greedy": "greedy-token-0123456789", "modest": "modest-token-0123456789"}
    path = tmp_path / "tokens"
    path.write_text("".join(f"{name} {token}\n" for name, token in tokens.items()))
    greedy, modest = ([("authorization", f"Bearer {token}")] for token in tokens.values())
    flags = [*ONE_AT_A_TIME, "--auth-token-file", path, "--max-queued-images-per-tenant", "2"]
    with LiveServer(*flags) as live:
        holder = occupy(live, metadata=greedy)
        waiting = [send(live, metadata=greedy, seed=seed) for seed in range(2)]
        wait_for_queue_depth(live, 2)
        failure = expect_failure(lambda: send(live, metadata=greedy).result())
        assert (failure.code, failure.reason) == (FULL, "TENANT_QUEUE_FULL")
        assert int(failure.trailers["grpc-retry-pushback-ms"]) > 0
        assert live.metric("darkroom_rejected_total", reason="tenant") == 1
        other = send(live, metadata=modest, seed=9)
        wait_for_queue_depth(live, 3)
        holder.cancel()
        assert other.result().images[0].seed == 9
        assert [call.result().images[0].seed for call in waiting] == [0, 1]
        wait_for_rest(live)


def made_per_second(live, seconds):
    """The images that WAITERS callers get who wait for each before they ask for the next."""
    end, made = time.monotonic() + seconds, collections.Counter()

    def ask(mine):
        while time.monotonic() < end:
            send(live, **OVERLOAD_IMAGE).result()
            made[mine] += 1

    callers = [threading.Thread(target=ask, args=(number,)) for number in range(WAITERS)]
    begin = time.monotonic()
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return sum(made.values()) / (time.monotonic() - begin)


OVERLOAD_IMAGE = {"num_inference_steps": 20}


def test_row_43_tenfold_overload_is_served_at_capacity_and_leaves_nothing_behind():
    # One thread, so that whoever asks has a core too.
    flags = ["--threads", "1", "--max-queued-images", WAITERS, "--batch-window", "0s"]
    with surviving_server(*flags) as live:
        made_per_second(live, 1)
        capacity = made_per_second(live, MEASURE_SECONDS)
        codes, calls = collections.Counter(), []
        begin = time.monotonic()
        sent = 0
        while (now := time.monotonic() - begin) < OVERLOAD_SECONDS:
            while sent < now * OVERLOAD * capacity:
                call = send(live, **OVERLOAD_IMAGE)
                call.add_done_callback(lambda call: codes.update([call.code()]))
                calls.append(call)
                sent += 1
            time.sleep(0.005)
        made = codes[OK] / (time.monotonic() - begin)
        assert sent > 5 * capacity * OVERLOAD_SECONDS
        # All that was accepted is done within the time of a full queue and a batch, twice.
        patience = 2 * (WAITERS + 8) / capacity
        wait_until(lambda: sum(codes.values()) == sent, "all have their answer", 2 + patience)
        assert set(codes) == {OK, FULL}
        # The machine is not ours alone: what it could do afterwards counts as well.
        afterwards = made_per_second(live, MEASURE_SECONDS)
        assert made >= 0.9 * min(capacity, afterwards)
        assert afterwards >= 0.5 * capacity


def test_row_45_storm_of_retries_that_ignore_the_pushback_is_refused_cheaply():
    with surviving_server(*ONE_AT_A_TIME, "--max-queued-images", "1") as live:
        holder = occupy(live)
        waiting = send(live, seed=1)
        wait_for_queue_depth(live, 1)
        failures = [collections.Counter() for _ in range(STORMERS)]

        def storm(mine):
            stub = rpc.ImageGenerationServiceStub(live.open_channel())
            for _ in range(STORM):
                mine[send(live, stub).code()] += 1

        before = live.rss_bytes()
        stormers = [threading.Thread(target=storm, args=(mine,)) for mine in failures]
        for stormer in stormers:
            stormer.start()
        health = health_pb2_grpc.HealthStub(live.open_channel())
        checks = []
        while any(stormer.is_alive() for stormer in stormers):
            begin = time.monotonic()
            health.Check(health_pb2.HealthCheckRequest(), timeout=60)
            checks.append(time.monotonic() - begin)
            time.sleep(0.01)
        assert sum(failures, collections.Counter()) == {FULL: STORMERS * STORM}
        assert statistics.median(checks) < 0.1
        assert statistics.median(refusal_milliseconds(live, "QUEUE_FULL")) < 5
        assert live.rss_bytes() - before < 64 << 20
        holder.cancel()
        assert waiting.result().images[0].seed == 1


@pytest.mark.parametrize("batching", ["static", "continuous"])
def test_row_46_rare_size_is_served_beside_a_flood_of_another(batching):
    with surviving_server("--batching", batching, "--batch-window", "0s") as live:
        stop, made = threading.Event(), [0] * WAITERS

        def flood(number):
            while not stop.is_set():
                send(live, num_inference_steps=4).result()
                made[number] += 1

        flooders = [threading.Thread(target=flood, args=(n,)) for n in range(WAITERS)]
        for flooder in flooders:
            flooder.start()
        try:
            wait_until(lambda: sum(made) > 2 * WAITERS, "the flood runs", timeout=60)
            for _ in range(2):
                before = sum(made)
                send(live, num_inference_steps=4, width=64, height=128).result()
                assert sum(made) - before <= MOST_OVERTAKERS
        finally:
            stop.set()
            for flooder in flooders:
                flooder.join()
