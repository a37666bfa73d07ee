"""An upgrade as Kubernetes does it: one server after another, while callers go on calling."""

import json
import subprocess

import pytest

from client_command import client_command
from live_server import LiveServer, clean_environment, free_addresses, wait_until
from surviving_server import expect_serving, wait_for_rest

REPLICAS = 3
SECONDS = 60  # Of load; the last stop comes before its end, and has to.

pytestmark = pytest.mark.timeout(400)


def start(address):
    # The replicas share one machine.
    flags = ["--threads", "1", "--lame-duck", "1s", "--max-batch-size", "4"]
    return LiveServer(*flags, "--listen", address).__enter__()


def load(addresses):
    """Open-loop arrivals by the program whose channel follows the advice for callers."""
    bench = ["bench", "--rate", 2, "--duration", f"{SECONDS}s", "--mix", "mixed", "--json", "-"]
    command = client_command("ipv4:" + ",".join(addresses), *bench)
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment()
    )


def test_no_call_fails_while_servers_are_replaced_one_by_one():
    addresses = free_addresses(REPLICAS)
    replicas = [start(address) for address in addresses]
    try:
        bench = load(addresses)
        try:
            for index, address in enumerate(addresses):
                served = replicas[index].metric("darkroom_images_total")
                wait_until(
                    lambda: replicas[index].metric("darkroom_images_total") > served,
                    "the one to be replaced has work",
                    timeout=60,
                )
                assert replicas[index].stop() == 0
                assert bench.poll() is None, "the load outlasts the stops"
                replicas[index] = start(address)
            report, errors = bench.communicate(timeout=240)
        finally:
            bench.kill()
        assert bench.returncode == 0, errors
        report = json.loads(report)
        (answers,) = report["answers"]
        assert (answers["code"], answers["count"]) == ("OK", report["requests"]["arrived"])
        assert report["requests"]["arrived"] > SECONDS
        for replica in replicas:
            wait_for_rest(replica)
            expect_serving(replica)
        assert replicas[0].metric("darkroom_images_total") > 0  # The new one was found.
    finally:
        for replica in replicas:
            replica.__exit__(None, None, None)
