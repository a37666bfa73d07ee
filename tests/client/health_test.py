"""`darkroom health` against a real server, as a container's health check runs it."""

import json
import signal
import time

import pytest

from client_command import NOBODY, run_client
from live_server import LiveServer, wait_until

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


def outcome(address, *arguments):
    done = run_client(address, "health", *arguments)
    return done.returncode, done.stdout


@pytest.mark.parametrize("service", [None, "darkroom.v1.ImageGenerationService", "liveness", ""])
def test_a_ready_server_serves_under_every_name(server, service):
    name = [] if service is None else ["--service", service]
    assert outcome(server.address, *name) == (0, "SERVING\n")


def test_json_has_the_service_and_its_status(server):
    code, text = outcome(server.address, "--service", "liveness", "--json")
    assert code == 0
    assert json.loads(text) == {"service": "liveness", "status": "SERVING"}


def test_an_unknown_name_is_not_healthy(server):
    done = run_client(server.address, "health", "--service", "nonesuch")
    assert (done.returncode, done.stdout) == (1, "")
    assert "NOT_FOUND" in done.stderr


def test_nobody_is_not_healthy_and_that_is_known_at_once():
    start = time.monotonic()
    done = run_client(NOBODY, "health")
    assert time.monotonic() - start < 3  # The retries of other calls take longer.
    assert (done.returncode, done.stdout) == (1, "")
    assert "UNAVAILABLE" in done.stderr and NOBODY in done.stderr


def test_of_several_addresses_one_that_serves_is_enough(server):
    assert outcome(f"ipv4:{NOBODY},{server.address}") == (0, "SERVING\n")


@pytest.mark.parametrize("timeout", ["3", "0s", "25h", "soon"])
def test_bad_durations_are_bad_usage(timeout):
    done = run_client(NOBODY, "health", "--timeout", timeout)
    assert (done.returncode, done.stdout) == (2, "")
    assert "--timeout" in done.stderr


def test_a_server_that_does_not_answer_is_given_up_after_the_timeout(server):
    server.process.send_signal(signal.SIGSTOP)
    try:
        done = run_client(server.address, "health", "--timeout", "300ms")
    finally:
        server.process.send_signal(signal.SIGCONT)
    assert (done.returncode, done.stdout) == (1, "")
    assert "DEADLINE_EXCEEDED" in done.stderr


def test_in_the_lame_duck_the_server_is_alive_but_not_ready():
    with LiveServer(environment={"DARKROOM_LAME_DUCK": "20s"}) as live:
        live.process.send_signal(signal.SIGTERM)
        wait_until(lambda: outcome(live.address) == (1, "NOT_SERVING\n"), "not ready")
        assert outcome(live.address, "--service", "liveness") == (0, "SERVING\n")
        live.stop()  # The second signal, which ends it at once.
