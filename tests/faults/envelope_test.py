"""Rows 18-21 and 27 of docs/faults.md: what comes around a request, and what is logged of it."""

import json
import zlib

import grpc
import pytest

from draws import seeded_random
from live_server import wait_until
from protos import pb, rpc
from raw_http2 import RawConnection
from rpc_errors import expect_failure
from surviving_server import surviving_server

pytestmark = pytest.mark.timeout(180)

RSS_SLACK = 16 << 20
BOMB = 512 << 20
UNIMPLEMENTED = 12
TOO_LARGE = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE}
TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def tiny(**fields):
    return pb.GenerateImagesRequest(**{"num_inference_steps": 1, "seed": 7, **fields})


def log_lines(live):
    """Every line of the log is one JSON object."""
    return [json.loads(line) for line in live.log().splitlines()]


def lines_of(live, request_id):
    """The log of one request, once it is there."""

    def found():
        return [line for line in log_lines(live) if line.get("request_id") == request_id]

    return wait_until(found, f"the log tells of {request_id}")


def growth_of_memory(live, action):
    live.reset_peak_rss()
    before = live.rss_bytes()
    action()
    return live.peak_rss_bytes() - before


def packed_zeros(window_bits):
    """A request whose prompt is BOMB zeros, compressed."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window_bits)
    prompt = b"\x12" + b"\x80\x80\x80\x80\x02"  # Field 2 with BOMB bytes.
    parts = [packer.compress(prompt)]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(BOMB >> 20)]
    return b"".join([*parts, packer.flush()])


@pytest.mark.parametrize("encoding, bits", [("gzip", 31), ("deflate", 15), ("identity", 31)])
def test_row_18_bomb_of_512_mib_takes_no_memory(server, encoding, bits):
    bomb = packed_zeros(bits)
    assert len(bomb) < 1 << 20

    def send():
        with RawConnection(server.address) as raw:
            stream = raw.call("GenerateImages", bomb, ("grpc-encoding", encoding), compressed=True)
            assert raw.status_of(stream) == UNIMPLEMENTED

    assert growth_of_memory(server, send) < RSS_SLACK


@pytest.mark.parametrize("size", [9 << 10, 64 << 10, 1 << 20])
def test_row_19_large_metadata_end_no_other_connection(server, size):
    neighbour = server.stub.GenerateImages.future(tiny(num_inference_steps=20), timeout=60)
    stub = rpc.ImageGenerationServiceStub(server.open_channel())
    metadata = [("x-large", "a" * size)]

    def send():
        failure = expect_failure(lambda: stub.GenerateImages(tiny(), timeout=60, metadata=metadata))
        assert failure.code in TOO_LARGE

    assert growth_of_memory(server, send) < RSS_SLACK
    assert len(neighbour.result().images) == 1


def test_row_20_traceparent_is_returned_and_logged(server):
    request = tiny(request_id="traced")
    _, call = server.stub.GenerateImages.with_call(
        request, timeout=60, metadata=[("traceparent", TRACEPARENT)]
    )
    assert dict(call.trailing_metadata())["traceparent"] == TRACEPARENT
    (line,) = lines_of(server, "traced")
    assert line["trace_id"] == TRACE_ID


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        "a" * 4000,
        TRACEPARENT[:-1],
        TRACEPARENT.replace("-", "_"),
        TRACEPARENT.replace("4bf9", "zzzz"),
        TRACEPARENT.replace("00-", "ff-"),
        TRACEPARENT.replace(TRACE_ID, "0" * 32),
        '"}{"event": "forged"',
    ],
)
def test_row_20_bad_traceparent_is_ignored_and_not_logged(server, value):
    _, call = server.stub.GenerateImages.with_call(
        tiny(request_id="untraced"), timeout=60, metadata=[("traceparent", value)]
    )
    assert "traceparent" not in dict(call.trailing_metadata())
    for line in lines_of(server, "untraced"):
        assert "trace_id" not in line
        assert len(value) < 8 or value not in json.dumps(line)  # Less may be there by chance.


def test_row_20_long_request_id_is_refused_and_not_logged(server):
    refused = server.metric("darkroom_rejected_total", reason="invalid")
    failure = expect_failure(
        lambda: server.stub.GenerateImages(tiny(request_id="q" * 10_000), timeout=60)
    )
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
    assert list(failure.violations) == ["request_id"]
    assert server.metric("darkroom_rejected_total", reason="invalid") == refused + 1
    server.stub.GenerateImages(tiny(request_id="after"), timeout=60)
    lines_of(server, "after")
    assert "q" * 300 not in server.log()


def test_row_21_prompt_is_one_string_in_one_line():
    rng = seeded_random()
    hostile = [
        'a\n{"event": "forged", "code": "OK"}\n',
        "a\r\nb\tc\0d\x1b[31mred\x1b[0m",
        "\\\"'\\u0000</script>%s%n{}",
        "\u2028\u2029\x85\u202e",
    ]
    alphabet = "ab\n\r\t\0\"\\\x1b{}:,\x7f\u2028é\N{PENGUIN}"
    hostile += ["".join(rng.choices(alphabet, k=rng.randint(1, 200))) for _ in range(30)]
    with surviving_server("--log-prompts", "--log-format", "json", "--batch-window", "0s") as live:
        for index, prompt in enumerate(hostile):
            live.stub.GenerateImages(tiny(prompt=prompt, request_id=f"line-{index}"), timeout=60)
            (line,) = lines_of(live, f"line-{index}")
            assert line["prompt"] == prompt
        bad_id = 'x\n{"event": "forged"}'
        expect_failure(lambda: live.stub.GenerateImages(tiny(request_id=bad_id), timeout=60))
        assert all(line["event"] != "forged" for line in log_lines(live))


def test_row_27_retry_joins_the_call_in_flight():
    with surviving_server("--batch-window", "600s", "--max-batch-size", "2", images=2) as live:
        steps = live.metric("darkroom_denoise_steps_total")
        request = tiny(request_id="once", prompt="a red apple")
        stub = rpc.ImageGenerationServiceStub(live.open_channel())
        calls = [live.stub.GenerateImages.future(request, timeout=120)]
        wait_until(lambda: live.metric("darkroom_queue_depth") == 1, "the first waits")
        calls.append(stub.GenerateImages.future(request, timeout=120))
        wait_until(lambda: live.metric("darkroom_live_calls") == 2, "the second is live")
        assert live.metric("darkroom_queue_depth") == 1
        other = tiny(request_id="once", prompt="a penguin")
        failure = expect_failure(lambda: stub.GenerateImages(other, timeout=60))
        assert (failure.code, failure.reason) == (
            grpc.StatusCode.ALREADY_EXISTS,
            "REQUEST_IN_FLIGHT",
        )
        # Company that fills the batch sends it off.
        live.stub.GenerateImages(tiny(seed=9), timeout=60)
        first, second = (call.result() for call in calls)
        assert first.images == second.images
        assert live.metric("darkroom_denoise_steps_total") - steps == 2


def test_row_27_one_of_two_that_joined_may_cancel():
    with surviving_server("--batch-window", "600s", "--max-batch-size", "2", images=2) as live:
        request = tiny(request_id="once")
        calls = [live.stub.GenerateImages.future(request, timeout=120) for _ in range(2)]
        wait_until(lambda: live.metric("darkroom_live_calls") == 2, "both are live")
        calls[0].cancel()
        wait_until(lambda: live.metric("darkroom_live_calls") == 1, "one is live")
        assert live.metric("darkroom_queue_depth") == 1
        live.stub.GenerateImages(tiny(seed=9), timeout=60)
        assert len(calls[1].result().images) == 1
