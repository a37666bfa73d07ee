"""Rows 37 and 39 of docs/faults.md: readers that do not read, and very many of everything."""

import resource
import socket
import statistics
import time

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from live_server import wait_until
from pictures import raw_request
from protos import pb, rpc
from raw_http2 import RawConnection, hello
from surviving_server import surviving_server, wait_for_rest

pytestmark = pytest.mark.timeout(240)

SIDE = 128
IDLE_CONNECTIONS = 10_000
STREAMS = 1000
STREAMS_AT_ONCE = 100
HEALTH_CHECKS = 15


def stream_of(raw, steps, preview_interval=0):
    """A stream of one raw image, opened on a raw connection."""
    generation = raw_request(
        num_inference_steps=steps, guidance_scale=1, width=SIDE, height=SIDE, seed=1
    )
    request = pb.StreamImagesRequest(
        generation=generation, preview_interval_steps=preview_interval
    )
    return raw.call("StreamImages", request.SerializeToString())


def median_health_seconds(live):
    stub = health_pb2_grpc.HealthStub(live.open_channel())
    request = health_pb2.HealthCheckRequest()
    times = []
    for _ in range(HEALTH_CHECKS):
        begin = time.monotonic()
        assert stub.Check(request, timeout=30).status == health_pb2.HealthCheckResponse.SERVING
        times.append(time.monotonic() - begin)
    return statistics.median(times)


def events_of(raw, stream):
    messages = map(pb.StreamImagesResponse.FromString, raw.messages_of(stream))
    return [(message.WhichOneof("event"), message) for message in messages]


def test_row_37_reader_who_takes_nothing_is_refused_after_the_write_timeout():
    with surviving_server("--write-timeout", "2s", "--batch-window", "0s") as live:

        def refusals():
            return live.metric(
                "darkroom_requests_total", method="StreamImages", code="RESOURCE_EXHAUSTED"
            )

        with RawConnection(live.address, window=0) as raw:
            stream = stream_of(raw, steps=1)
            wait_until(lambda: refusals() == 1, "the reader is given up", timeout=60)
            assert raw.status_of(stream) != 0
            assert "image" not in [kind for kind, _ in events_of(raw, stream)]
        wait_for_rest(live)


def test_row_37_four_stuck_readers_lose_nothing_and_delay_no_health_check():
    """Previews give way in a bounded buffer; all else comes once the reader reads."""
    steps = 40
    with surviving_server("--batch-window", "0s") as live:
        raws = [RawConnection(live.address, window=0) for _ in range(4)]
        streams = [stream_of(raw, steps, preview_interval=1) for raw in raws]

        def are_made():
            for raw in raws:
                raw.take_what_came()  # And answer the server's pings.
            return live.metric("darkroom_images_total") >= 4

        wait_until(are_made, "all images are made", timeout=120)
        assert live.metric("darkroom_live_calls") == 4
        assert median_health_seconds(live) < 0.1
        for raw, stream in zip(raws, streams, strict=True):
            raw.allow(stream, 16 << 20)
            assert raw.status_of(stream) == 0
            events = events_of(raw, stream)
            kinds = [kind for kind, _ in events]
            assert (kinds[0], kinds[-2:]) == ("queued", ["image", "completed"])
            assert kinds.count("image") == 1
            assert len(kinds) < steps / 2
            assert len(events[-2][1].image.data) == 3 * SIDE * SIDE
            raw.socket.close()


def test_row_39_ten_thousand_idle_connections_delay_no_health_check():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE_CONNECTIONS, hard - 1000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # The server inherits it.
    idle = []
    try:
        with surviving_server("--batch-window", "0s") as live:
            host, _, port = live.address.rpartition(":")
            for _ in range(count):
                connection = socket.create_connection((host, int(port)), timeout=60)
                idle.append(connection)
                connection.sendall(hello())
            assert idle[-1].recv(1), "the last one is served too"
            assert median_health_seconds(live) < 0.1
            for connection in idle:
                connection.close()
    finally:
        for connection in idle:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_row_39_streams_beyond_the_limit_of_a_connection_wait_and_are_served():
    flags = ["--max-concurrent-calls", STREAMS_AT_ONCE, "--max-queued-images", STREAMS]
    with surviving_server(*flags) as live:
        request = raw_request(num_inference_steps=1, guidance_scale=1, width=8, height=8)
        stub = rpc.ImageGenerationServiceStub(live.open_channel())
        calls = [stub.GenerateImages.future(request, timeout=120) for _ in range(STREAMS)]
        most = 0
        while not calls[-1].done():
            most = max(most, live.metric("darkroom_live_calls"))
        assert {call.code() for call in calls} == {grpc.StatusCode.OK}
        assert 0 < most <= STREAMS_AT_ONCE
