"""The log lines of calls: one for each, complete, and in nobody's hands but ours."""

import json
import re

import grpc
import pytest

from draws import seeded_random
from hostile_text import draw_text
from live_server import LiveServer, wait_until
from pictures import raw_request
from protos import pb
from rpc_errors import expect_failure

pytestmark = pytest.mark.timeout(240)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
FORGED = '{"event":"generate_images","code":"OK","request_id":"forged"}'
BREAKS = ("\n", "\r\n", "\r", '"', "\\", '"}\n', "\x1b[2J\x1b[31m", "\u2028", "\x85", "\x00")
CALLS = ("generate_images", "stream_images", "model_infer")


def json_lines(live):
    """Every line so far, each of which must be a JSON object."""
    lines = [json.loads(line) for line in live.log().split("\n")[:-1]]
    assert all(isinstance(line, dict) for line in lines)
    return lines


def call_lines(live, count):
    """The lines of calls, once there are so many; more would be a failure."""

    def enough():
        lines = [line for line in json_lines(live) if line["event"] in CALLS]
        return lines if len(lines) >= count else None

    lines = wait_until(enough, f"{count} calls are logged")
    assert len(lines) == count
    return lines


def generate(live, metadata=(), **fields):
    """The reply's trailers."""
    request = raw_request(num_inference_steps=1, **fields)
    _, call = live.stub.GenerateImages.with_call(request, timeout=100, metadata=metadata)
    return dict(call.trailing_metadata())


@pytest.fixture
def server():
    with LiveServer("--log-format", "json") as live:
        yield live


def test_each_call_is_one_line_with_what_it_was_and_took(server):
    generate(server, request_id="one", prompt="a secret garden", num_images=2, seed=1)
    request = pb.StreamImagesRequest(
        generation=raw_request(request_id="two", prompt="a secret garden", num_inference_steps=1)
    )
    list(server.stub.StreamImages(request, timeout=100))
    bad = raw_request(request_id="three", num_inference_steps=0, prompt="a secret garden")
    expect_failure(lambda: server.stub.GenerateImages(bad))
    one, two, three = call_lines(server, 3)
    for line, event, name in ((one, CALLS[0], "one"), (two, CALLS[1], "two")):
        assert (line["event"], line["request_id"], line["code"]) == (event, name, "OK")
        assert line["level"] == "info"
        assert line["mean_batch"] >= 1
        assert line["total_ms"] >= line["denoising_ms"] > 0
        assert line["queue_ms"] >= 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["ts"])
    assert (one["images"], two["images"]) == (2, 1)
    assert (three["code"], three["request_id"]) == ("INVALID_ARGUMENT", "three")
    assert three["reason"] == "INVALID_FIELD"
    assert "num_inference_steps" in three["error"]
    assert {line["tenant"] for line in (one, two, three)} == {"ipv4:127.0.0.1"}
    assert "secret" not in server.log()


def test_refused_calls_are_found_by_their_ids():
    with LiveServer("--log-format", "json", "--batch-window", "600s") as live:
        waiting = live.stub.GenerateImages.future(raw_request(request_id="id"), timeout=100)
        wait_until(lambda: live.metric("darkroom_queue_depth") == 1, "one image waits")
        other = raw_request(request_id="id", prompt="another")
        expect_failure(lambda: live.stub.GenerateImages(other))
        (line,) = call_lines(live, 1)
        assert (line["request_id"], line["code"]) == ("id", "ALREADY_EXISTS")
        waiting.cancel()
        lines = call_lines(live, 2)
        assert (lines[1]["request_id"], lines[1]["code"]) == ("id", "CANCELLED")


def test_tenant_is_the_owner_of_the_token(tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("studio-1 0123456789abcdef\n")
    tokens.chmod(0o600)
    with LiveServer("--log-format", "json", "--auth-token-file", tokens) as live:
        generate(live, metadata=(("authorization", "Bearer 0123456789abcdef"),))
        expect_failure(lambda: generate(live))
        good, bad = call_lines(live, 2)
        assert (good["tenant"], good["code"]) == ("studio-1", "OK")
        assert (bad["tenant"], bad["code"]) == ("", "UNAUTHENTICATED")
        assert "0123456789abcdef" not in live.log()


def test_trace_is_logged_and_goes_back(server):
    assert generate(server, metadata=(("traceparent", TRACEPARENT),))["traceparent"] == TRACEPARENT
    bad = raw_request(num_inference_steps=0)
    metadata = (("traceparent", TRACEPARENT),)
    failure = expect_failure(lambda: server.stub.GenerateImages(bad, metadata=metadata))
    assert failure.trailers["traceparent"] == TRACEPARENT
    assert [line["trace_id"] for line in call_lines(server, 2)] == [TRACE, TRACE]


def test_bad_trace_is_ignored(server):
    bad = [
        TRACEPARENT.upper(),
        TRACEPARENT.replace(TRACE, "0" * 32),
        f"{TRACEPARENT}-more",
        FORGED,
        "",
        "x" * 4000,
    ]
    for value in bad:
        assert "traceparent" not in generate(server, metadata=(("traceparent", value),)), value
    for line in call_lines(server, len(bad)):
        assert line["code"] == "OK" and "trace_id" not in line


def draw_hostile(rng):
    """Text with what might end a line or a string, or steer a terminal."""
    pieces = [rng.choice(BREAKS), FORGED, rng.choice(BREAKS), draw_text(rng)[:200]]
    rng.shuffle(pieces)
    return "".join(pieces)


def test_prompts_are_logged_on_request_and_stay_in_their_lines():
    rng = seeded_random()
    prompts = [f"{piece}{FORGED}{piece}" for piece in BREAKS]
    prompts += [draw_hostile(rng) for _ in range(5)]
    with LiveServer("--log-format", "json", "--log-prompts") as live:
        for prompt in prompts:
            generate(live, prompt=prompt)
        lines = call_lines(live, len(prompts))
        assert [line["prompt"] for line in lines] == prompts
        assert all(line["request_id"] != "forged" for line in lines)
        log = live.log()
    assert not set(log) & {"\x1b", "\x00", "\r", "\u2028", "\x85"}


def test_ids_and_names_cannot_break_a_line(server):
    rng = seeded_random()
    refused = 0
    for text in [*BREAKS, *(draw_hostile(rng) for _ in range(20))]:
        for field in ("request_id", "model"):
            failure = expect_failure(lambda: generate(server, **{field: text}))
            assert failure.code in (
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.NOT_FOUND,
            )
            refused += 1
    lines = call_lines(server, refused)
    assert all("request_id" not in line or line["request_id"] != "forged" for line in lines)
    assert "\x1b" not in server.log()


def test_text_lines_hold_too():
    with LiveServer("--log-format", "text", "--log-prompts") as live:
        for piece in BREAKS:
            generate(live, prompt=f"{piece}2026-01-01T00:00:00.000Z info forged{piece}")
        wait_until(lambda: live.log().count("generate_images") >= len(BREAKS), "all are logged")
        log = live.log()
        lines = log.split("\n")[:-1]
    assert sum(" generate_images " in line for line in lines) == len(BREAKS)
    assert all(re.match(r"\S+Z (info|warning|error) [a-z_]+( |$)", line) for line in lines)
    assert not any(line.startswith("2026-01-01") for line in lines)
    assert not set(log) & {"\x1b", "\x00", "\r", "\u2028", "\x85"}
