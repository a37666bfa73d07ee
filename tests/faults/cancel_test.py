"""Rows 33-35 of docs/faults.md: cancellation at every stage, of whole batches, and in races."""

import threading

import grpc
import pytest

from draws import seeded_random
from live_server import steps_made, wait_until
from pictures import assert_same_picture, pixels_of, raw_request
from protos import pb, rpc
from surviving_server import surviving_server, wait_for_rest

pytestmark = pytest.mark.timeout(300)

OK, CANCELLED = grpc.StatusCode.OK, grpc.StatusCode.CANCELLED
LARGE = {"width": 256, "height": 256, "guidance_scale": 1, "num_inference_steps": 2}
RACES, RACERS = 2000, 8


def decoded(live):
    return live.metric("darkroom_stage_duration_seconds_count", stage="vae_decode")


def answers(live):
    return live.metric("darkroom_requests_total", method="GenerateImages")


def expect_one_answer_each(live, before, calls):
    wait_for_rest(live)
    assert answers(live) - before == calls


@pytest.fixture(scope="module")
def pairs():
    """A server whose batches leave once they are two."""
    with surviving_server("--batch-window", "600s", "--max-batch-size", "2", images=2) as live:
        yield live


def test_row_33_cancelled_in_the_queue_or_the_forming_batch(pairs):
    before, steps = answers(pairs), steps_made(pairs)
    leaver = pairs.stub.GenerateImages.future(raw_request(num_inference_steps=3), timeout=120)
    wait_until(lambda: pairs.metric("darkroom_queue_depth") == 1, "it waits for company")
    leaver.cancel()
    assert leaver.code() == CANCELLED
    wait_until(lambda: pairs.metric("darkroom_queue_depth") == 0, "it has left")
    neighbours = raw_request(num_inference_steps=3, num_images=2, seed=4)
    assert len(pairs.stub.GenerateImages(neighbours, timeout=120).images) == 2
    expect_one_answer_each(pairs, before, 2)
    assert steps_made(pairs) - steps == 2 * 3


def test_row_33_cancelled_at_a_step_leaves_the_neighbour_its_image(pairs):
    rng = seeded_random()
    both = raw_request(num_inference_steps=40, num_images=2, seed=11)
    expected = pixels_of(pairs.stub.GenerateImages(both, timeout=120).images[0])
    before, steps = answers(pairs), steps_made(pairs)
    moment = steps + rng.randint(2, 60)
    request = raw_request(num_inference_steps=40, seed=11)
    stayer = pairs.stub.GenerateImages.future(request, timeout=120)
    leaver = pairs.stub.GenerateImages.future(
        raw_request(num_inference_steps=150, seed=12), timeout=120
    )
    wait_until(lambda: steps_made(pairs) >= moment, "the moment has come", timeout=60)
    leaver.cancel()
    assert_same_picture(pixels_of(stayer.result().images[0]), expected)
    assert leaver.code() == CANCELLED
    expect_one_answer_each(pairs, before, 2)


@pytest.mark.parametrize("stage", ["decoding", "encoding"])
def test_row_33_cancelled_after_the_last_step(pairs, stage):
    before, steps, images = answers(pairs), steps_made(pairs), decoded(pairs)
    request = pb.GenerateImagesRequest(**LARGE, num_images=2, seed=1)
    leaver = pairs.stub.GenerateImages.future(request, timeout=120)
    if stage == "decoding":
        wait_until(lambda: steps_made(pairs) == steps + 4, "the last step is done", timeout=60)
    else:
        wait_until(lambda: decoded(pairs) > images, "pixels are there", timeout=60)
    leaver.cancel()
    assert leaver.code() in (CANCELLED, OK)  # It may have been done already.
    expect_one_answer_each(pairs, before, 1)


def test_row_33_cancelled_after_the_last_byte_is_nothing(pairs):
    before = answers(pairs)
    request = raw_request(num_inference_steps=1, num_images=2)
    call = pairs.stub.GenerateImages.future(request, timeout=120)
    assert len(call.result().images) == 2
    call.cancel()
    assert call.code() == OK
    expect_one_answer_each(pairs, before, 1)


def test_row_34_batch_whose_rows_are_all_cancelled_stops_within_a_step(pairs):
    steps = steps_made(pairs)
    calls = [
        pairs.stub.GenerateImages.future(raw_request(num_inference_steps=150, seed=s), timeout=120)
        for s in (1, 2)
    ]
    wait_until(lambda: steps_made(pairs) >= steps + 4, "the batch runs")
    for call in calls:
        call.cancel()
    wait_until(lambda: pairs.metric("darkroom_live_calls") == 0, "both have left")
    known = steps_made(pairs)
    assert known < steps + 300
    # Whoever comes next is alone, after at most the pass in hand.
    request = raw_request(num_inference_steps=3, num_images=2)
    reply = pairs.stub.GenerateImages(request, timeout=120)
    assert reply.stats.batch_sizes.max == 2
    assert steps_made(pairs) - known <= 2 + 2 * 3


def test_row_35_two_thousand_races_of_cancellation_and_completion_have_one_end_each():
    rng = seeded_random()
    flags = ["--batch-window", "0s", "--max-queued-images", "1024"]
    with surviving_server(*flags) as live:
        request = raw_request(num_inference_steps=1, guidance_scale=1, width=8, height=8)
        ends = [{OK: 0, CANCELLED: 0} for _ in range(RACERS)]
        delays = [[rng.uniform(0, 1.6) for _ in range(RACES // RACERS)] for _ in range(RACERS)]

        def race(mine, factors):
            stub = rpc.ImageGenerationServiceStub(live.open_channel())
            pause, typical = threading.Event(), 0.01
            for factor in factors:
                call = stub.GenerateImages.future(request, timeout=120)
                pause.wait(factor * typical)
                call.cancel()
                code = call.code()
                mine[code] += 1
                # Towards the delay at which both ends are as likely.
                typical *= 0.98 if code == OK else 1.02

        racers = [
            threading.Thread(target=race, args=pair) for pair in zip(ends, delays, strict=True)
        ]
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        wait_for_rest(live)
        done, cancelled = (sum(mine[code] for mine in ends) for code in (OK, CANCELLED))
        assert done + cancelled == RACES
        assert min(done, cancelled) > RACES / 10
        served = live.metric("darkroom_requests_total", code="OK")
        given_up = live.metric("darkroom_requests_total", code="CANCELLED")
        assert served + given_up == live.metric("darkroom_requests_total") <= RACES
        assert done <= served
