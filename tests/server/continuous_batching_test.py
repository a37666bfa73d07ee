"""Rows join and leave running batches over a real socket, and no image knows of it."""

import grpc
import numpy
import pytest

from draws import draw_prompt, seeded_random
from live_server import LiveServer, steps_made, wait_until
from pictures import assert_same_picture, pixels_of, raw_request
from protos import pb
from rpc_errors import expect_failure

pytestmark = pytest.mark.timeout(300)

BATCH = 8
SCHEDULERS = [value for value in pb.Scheduler.values() if value]
ROUNDS_OF_CANCELLATIONS = 6
BITS_REQUESTS, BITS_RUNS, BITS_BATCH = 40, 200, 4


@pytest.fixture(scope="module")
def server():
    with LiveServer("--max-batch-size", BATCH) as live:
        yield live


@pytest.fixture(scope="module")
def alone():
    """A server that never batches."""
    with LiveServer("--batch-window", "0s", "--max-batch-size", "1") as live:
        yield live


# By default nobody is refused for want of patience, however slow the machine is.
def send(live, request, timeout=3600):
    return live.stub.GenerateImages.future(request, timeout=timeout)


def draw_request(rng, least_steps, most_steps):
    request = raw_request(
        prompt=draw_prompt(rng),
        num_inference_steps=rng.randint(least_steps, most_steps),
        guidance_scale=rng.choice([1.0, rng.uniform(1.1, 10)]),
        scheduler=rng.choice(SCHEDULERS),
        seed=rng.getrandbits(32),
    )
    if rng.random() < 0.3:
        request.negative_prompt = rng.choice(["", draw_prompt(rng)])
    return request


def test_rows_cancelled_at_drawn_moments_leave_seven_that_equal_their_solo_images(server, alone):
    rng = seeded_random()
    made, expected, company = [], [], []
    for _ in range(ROUNDS_OF_CANCELLATIONS):
        requests = [draw_request(rng, 8, 20) for _ in range(BATCH)]
        leaver = rng.randrange(BATCH)
        requests[leaver].num_inference_steps = 45
        requests[leaver].scheduler = pb.SCHEDULER_EULER
        moment = steps_made(server) + rng.randint(1, 60)
        calls = [send(server, request) for request in requests]
        wait_until(lambda: steps_made(server) >= moment, "the moment to cancel has come")
        calls[leaver].cancel()
        for index, (call, request) in enumerate(zip(calls, requests, strict=True)):
            if index == leaver:
                assert call.code() == grpc.StatusCode.CANCELLED
                continue
            reply = call.result()
            company.append(reply.stats.batch_sizes.max)
            made.append(pixels_of(reply.images[0]))
            expected.append(pixels_of(send(alone, request).result().images[0]))
        wait_until(lambda: no_call_is_live(server), "all calls have ended")
    assert_same_picture(numpy.concatenate(made), numpy.concatenate(expected))
    assert sum(rows > 1 for rows in company) > len(company) / 2


def test_with_bits_company_changes_no_bit():
    """Solo and shared by one server: 200 runs among drawn neighbours that join, leave and go."""
    rng = seeded_random()
    flags = ["--determinism", "bits", "--max-batch-size", BITS_BATCH, "--batch-window", "1ms"]
    with LiveServer(*flags) as live:
        requests = [draw_request(rng, 2, 7) for _ in range(BITS_REQUESTS)]
        solo = [pixels_of(send(live, request).result().images[0]) for request in requests]
        sizes, equal, cancelled = [], 0, 0
        for runs in batched_draws(rng, BITS_RUNS):
            running = []
            for index in runs:
                moment = steps_made(live) + rng.randint(0, 5)
                running.append((index, send(live, requests[index])))
                if rng.random() < 0.2:
                    visitor = send(live, draw_request(rng, 3, 9))
                    wait_until(lambda m=moment: steps_made(live) >= m, "the visitor's time is up")
                    visitor.cancel()
                    cancelled += 1
                elif rng.random() < 0.5:
                    wait_until(
                        lambda m=moment: steps_made(live) >= m or no_call_is_live(live),
                        "the next may come",
                    )
            for index, call in running:
                reply = call.result()
                sizes.append(reply.stats.batch_sizes)
                equal += numpy.array_equal(pixels_of(reply.images[0]), solo[index])
    assert (equal, len(sizes)) == (BITS_RUNS, BITS_RUNS)
    # There was company, and it changed on the way.
    assert sum(size.max > 1 for size in sizes) > BITS_RUNS / 2
    assert sum(size.min < size.max for size in sizes) > BITS_RUNS / 4
    assert cancelled > 10


def batched_draws(rng, count):
    """`count` indices of requests in groups of 3 to 12."""
    left = count
    while left:
        size = min(left, rng.randint(3, 12))
        left -= size
        yield [rng.randrange(BITS_REQUESTS) for _ in range(size)]


def no_call_is_live(live):
    return live.metric("darkroom_live_calls") == 0


def test_short_request_ends_before_a_long_one_that_runs(server):
    before = steps_made(server)
    long = send(server, raw_request(prompt="a cat", num_inference_steps=150, seed=1))
    wait_until(lambda: steps_made(server) > before + 3, "the long one runs")
    send(server, raw_request(prompt="a sun", num_inference_steps=3, seed=2)).result()
    assert not long.done()
    assert long.result().images[0].seed == 1


def test_static_batch_lets_nobody_join():
    with LiveServer("--batching", "static", "--batch-window", "0s") as live:
        long = send(live, raw_request(prompt="a cat", num_inference_steps=60, seed=1))
        wait_until(lambda: steps_made(live) > 3, "the long one runs")
        short = send(live, raw_request(prompt="a sun", num_inference_steps=3, seed=2))
        assert long.result().stats.batch_sizes.max == 1
        assert short.result().stats.batch_sizes.max == 1


def test_deadline_that_would_pass_is_refused_at_the_door(server):
    wait_until(lambda: no_call_is_live(server), "the server is at rest")
    before = steps_made(server)
    # One step of 150 in hand makes the server busy, so it trusts what it knows of its times.
    busy = send(server, raw_request(num_inference_steps=150, seed=1))
    wait_until(lambda: steps_made(server) > before, "it runs")
    request = raw_request(num_inference_steps=150, num_images=16, seed=2)
    failure = expect_failure(lambda: send(server, request, timeout=1).result())
    assert (failure.code, failure.reason) == (
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "DEADLINE_EXCEEDED",
    )
    assert "would take about" in failure.message
    busy.result()


def test_tenants_share_of_the_queue_is_bounded():
    flags = ["--batch-window", "600s", "--lame-duck", "0s", "--max-queued-images-per-tenant", "2"]
    with LiveServer(*flags) as live:
        waiting = send(live, raw_request(num_inference_steps=1, num_images=2))
        wait_until(lambda: live.metric("darkroom_queue_depth") == 2, "two wait")
        failure = expect_failure(lambda: send(live, raw_request(num_inference_steps=1)).result())
        assert (failure.code, failure.reason) == (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "TENANT_QUEUE_FULL",
        )
        assert int(failure.trailers["grpc-retry-pushback-ms"]) > 0
        assert live.metric("darkroom_rejected_total", reason="tenant") == 1
        waiting.cancel()


def test_high_goes_before_low():
    """With room for one at a time, who came last with HIGH is made before who came with LOW."""
    with LiveServer("--max-batch-size", "1") as live:
        first = send(live, raw_request(num_inference_steps=60, seed=1))
        wait_until(lambda: steps_made(live) > 1, "the first runs")
        low = send(live, raw_request(num_inference_steps=2, seed=2, priority=pb.PRIORITY_LOW))
        wait_until(lambda: live.metric("darkroom_queue_depth") == 1, "LOW waits")
        high = send(live, raw_request(num_inference_steps=2, seed=3, priority=pb.PRIORITY_HIGH))
        high.result()
        assert not low.done() and not first.done()
        low.result()
        first.result()
