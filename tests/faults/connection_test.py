"""Rows 36 and 40-42 of docs/faults.md: callers who vanish, flood, dawdle and use up all files."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time

import pytest

from live_server import wait_until
from pictures import raw_request
from protos import pb, rpc
from raw_http2 import RawConnection, hello, message
from surviving_server import surviving_server, wait_for_rest

pytestmark = pytest.mark.timeout(240)

# Wait for company that never comes: held until its caller goes.
HELD = ["--batch-window", "600s", "--max-batch-size", "2"]
REQUEST = raw_request(num_inference_steps=1, seed=7)
KEEPALIVE_SECONDS = 40
RESETS = 20_000
MOST_OF_A_FLOOD = 2 << 30  # gRPC holds what is left of a reset call until it comes to it.
DAWDLERS = 100
HANDSHAKE_SECONDS = 10
DEADLINE_EXCEEDED = 4
CALLER = """
import sys
import grpc
stub = grpc.insecure_channel(sys.argv[1]).unary_unary(
    "/darkroom.v1.ImageGenerationService/GenerateImages")
stub(sys.stdin.buffer.read())
"""


def start_caller(live):
    """Another process with one call in flight."""
    caller = subprocess.Popen([sys.executable, "-c", CALLER, live.address], stdin=subprocess.PIPE)
    caller.stdin.write(REQUEST.SerializeToString())
    caller.stdin.close()
    wait_until(lambda: live.metric("darkroom_queue_depth") == 1, "it is held", timeout=60)
    return caller


def open_files(live):
    return len(os.listdir(f"/proc/{live.process.pid}/fd"))


def dial(live):
    host, _, port = live.address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=60)


def test_row_36_killed_caller_and_reset_connection_free_their_places_at_once():
    with surviving_server(*HELD, images=2) as live:
        caller = start_caller(live)
        caller.kill()
        caller.wait()
        wait_for_rest(live, timeout=10)
        raw = RawConnection(live.address)
        raw.call("GenerateImages", REQUEST.SerializeToString())
        wait_until(lambda: live.metric("darkroom_queue_depth") == 1, "it is held")
        raw.abort()
        wait_for_rest(live, timeout=10)
        assert live.metric("darkroom_requests_total", code="CANCELLED") == 2


def test_row_36_frozen_caller_frees_its_place_after_the_keepalive():
    with surviving_server(*HELD, images=2) as live:
        caller = start_caller(live)
        caller.send_signal(signal.SIGSTOP)  # Its kernel still acknowledges, it does not answer.
        try:
            wait_for_rest(live, timeout=KEEPALIVE_SECONDS)
            assert live.metric("darkroom_requests_total", code="CANCELLED") == 1
        finally:
            caller.kill()
            caller.wait()


def flood_with_resets(live):
    """Opens and resets calls, some with a whole request; the images that honest callers get."""
    honest = rpc.ImageGenerationServiceStub(live.open_channel())
    served = 0
    payload = REQUEST.SerializeToString()
    with RawConnection(live.address) as raw:
        for count in range(RESETS):
            stream, opening = raw.begin("GenerateImages")
            raw.socket.sendall(opening)
            if count % 8 == 0:
                raw.send(stream, message(payload))
            raw.reset(stream)
            raw.take_what_came()
            if count % (RESETS // 5) == 0:
                served += len(honest.GenerateImages(REQUEST, timeout=60).images)
    wait_for_rest(live)
    return served


def test_row_40_floods_of_resets_cost_honest_callers_nothing_and_memory_stays_in_bounds():
    with surviving_server("--batch-window", "0s") as live:
        before = live.rss_bytes()
        for _ in range(3):
            assert flood_with_resets(live) == 5
        assert live.peak_rss_bytes() - before < MOST_OF_A_FLOOD


def test_row_41_silent_and_dripping_handshakes_are_ended(server):
    files = open_files(server)
    sockets = [dial(server) for _ in range(DAWDLERS)]
    greeting = hello()
    ended, place = 0, 0
    begin = time.monotonic()
    while ended < DAWDLERS and time.monotonic() - begin < 3 * HANDSHAKE_SECONDS:
        for dawdler in sockets[::2]:  # The others say nothing at all.
            try:
                dawdler.send(greeting[place : place + 1])
            except OSError:
                pass
        place = min(place + 1, 20)  # Never the whole greeting.
        time.sleep(0.5)
        ended = DAWDLERS - (open_files(server) - files)
    assert ended == DAWDLERS
    for dawdler in sockets:
        dawdler.close()


def test_row_41_half_a_message_ends_at_its_deadline(server):
    whole = message(REQUEST.SerializeToString())
    with RawConnection(server.address) as raw:
        streams = []
        for _ in range(DAWDLERS):
            stream = raw.open("GenerateImages", ("grpc-timeout", "2S"))
            raw.send(stream, whole[:-1], end=False)
            streams.append(stream)
        for stream in streams:
            assert raw.status_of(stream) in (None, DEADLINE_EXCEEDED)


def test_row_42_without_free_files_live_calls_go_on_and_new_ones_come_later():
    with surviving_server("--batch-window", "0s") as live:
        live.stub.GetModel(pb.GetModelRequest(), timeout=60)
        limits = resource.prlimit(live.process.pid, resource.RLIMIT_NOFILE)
        few = open_files(live) + 8
        resource.prlimit(live.process.pid, resource.RLIMIT_NOFILE, (few, limits[1]))
        sockets = [dial(live) for _ in range(64)]
        for each in sockets:
            each.sendall(hello())
        wait_until(lambda: open_files(live) >= few - 1, "the files are used up")
        assert len(live.stub.GenerateImages(REQUEST, timeout=60).images) == 1
        for each in sockets:
            each.close()
        # With the limit as it is, as soon as files are free again.
        stub = rpc.ImageGenerationServiceStub(live.open_channel())
        assert len(stub.GenerateImages(REQUEST, timeout=60, wait_for_ready=True).images) == 1
        resource.prlimit(live.process.pid, resource.RLIMIT_NOFILE, limits)
