"""A real darkroom-server on ports of its own, for tests over a socket."""

import http.client
import os
import pathlib
import queue
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time

import grpc
from prometheus_client import parser

from protos import REPOSITORY, rpc

_START_TIMEOUT = 60.0
_METRICS_LINE = re.compile(r"metrics on (\S+)")
_HEALTH_LINE = re.compile(r"health on (\S+)")
_READY_LINE = re.compile(r"darkroom-server ready on (\S+) \(model (.+), device (\S+)\)")


def program(name):
    """The path of a built program, from DARKROOM_BIN or the release build."""
    folder = pathlib.Path(os.environ.get("DARKROOM_BIN", REPOSITORY / "build/release/bin"))
    return folder / name


def clean_environment(extra=None):
    """This process's environment without its DARKROOM_* settings, and with `extra`."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DARKROOM_")}
    return {**inherited, **(extra or {})}


def wait_until(condition, what, timeout=10.0):
    """Returns the first true answer of `condition`; fails naming `what` when none came in time."""
    deadline = time.monotonic() + timeout
    while True:
        if answer := condition():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout:g} s still not: {what}")
        time.sleep(0.01)


def free_addresses(count):
    """Addresses of this machine that nobody listens on, for servers that come back to theirs."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in held]
    for each in held:
        each.close()
    return addresses


def wait_for_live_calls(live, count, timeout=30):
    wait_until(
        lambda: live.metric("darkroom_live_calls") == count, f"{count} calls are live", timeout
    )


def steps_made(live):
    return live.metric("darkroom_denoise_steps_total")


class LiveServer:
    """Runs darkroom-server inside a `with` block and fails the block when the server crashed.

    `flags` come after the listen flags. Everything is usable once the block is entered: the server
    has printed its two ready lines by then. It stops without a lame duck unless told of one.
    `credentials` are its channels' own when it speaks TLS.
    """

    def __init__(
        self,
        *flags,
        model=None,
        environment=None,
        credentials=None,
        start_timeout=_START_TIMEOUT,
    ):
        self._command = [str(program("darkroom-server")), "--listen", "127.0.0.1:0"]
        self._command += ["--metrics-listen", "127.0.0.1:0"]
        self._command += ["--model", str(model)] if model is not None else []
        self._command += [str(flag) for flag in flags]
        self._environment = clean_environment(
            {"DARKROOM_LAME_DUCK": "0s", **(environment or {})}
        )
        self._credentials = credentials
        self._start_timeout = start_timeout
        self._channels = []
        self._good_exits = {0}

    def __enter__(self):
        self._stderr = tempfile.NamedTemporaryFile(prefix="darkroom-server-", suffix=".log")
        self.process = subprocess.Popen(
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=self._environment,
            text=True,
        )
        try:
            self._lines = queue.Queue()
            threading.Thread(target=self._read_stdout, daemon=True).start()
            deadline = time.monotonic() + self._start_timeout
            self.metrics_address = self._expect_line(_METRICS_LINE, deadline)[1]
            if "--health-listen" in self._command:
                self.health_address = self._expect_line(_HEALTH_LINE, deadline)[1]
            ready = self._expect_line(_READY_LINE, deadline)
            self.address, self.model_id, self.device = ready[1], ready[2], ready[3]
            self.channel = self.open_channel()
            self.stub = rpc.ImageGenerationServiceStub(self.channel)
        except BaseException:
            self._release()
            raise
        return self

    def __exit__(self, kind, error, traceback):
        ended_alone = self.process.poll()
        hung = False
        try:
            code = self.stop() if ended_alone is None else ended_alone
        except subprocess.TimeoutExpired:
            code, hung = None, True
        log = self.log()
        self._release()
        if kind is not None:
            print(f"darkroom-server's log:\n{log[-8000:]}")
        elif hung:
            raise AssertionError(f"darkroom-server ignored SIGTERM:\n{log[-8000:]}")
        elif code not in self._good_exits:
            raise AssertionError(f"darkroom-server ended with {code}:\n{log[-8000:]}")

    def open_channel(self, credentials=None, **options):
        """A channel on a connection of its own, closed with the server.

        `credentials` are in place of those that the server was started with.
        """
        settings = {
            "grpc.max_receive_message_length": 64 << 20,
            "grpc.use_local_subchannel_pool": 1,
            "grpc.enable_http_proxy": 0,
            **options,
        }
        credentials = credentials or self._credentials
        if credentials is None:
            channel = grpc.insecure_channel(self.address, options=list(settings.items()))
        else:
            channel = grpc.secure_channel(self.address, credentials, list(settings.items()))
        self._channels.append(channel)
        return channel

    def log(self):
        """What the server has written to standard error so far."""
        return pathlib.Path(self._stderr.name).read_text(errors="replace")

    def metrics(self):
        """One scrape: {(sample name, frozenset of label pairs): value}."""
        host, _, port = self.metrics_address.rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request("GET", "/metrics")
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        assert response.status == 200, f"GET /metrics: {response.status}\n{text}"
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in parser.text_string_to_metric_families(text)
            for sample in family.samples
        }

    def metric(self, name, **labels):
        """The sum of the samples with these labels; an unknown name is an error, not a zero."""
        samples = [(key[1], value) for key, value in self.metrics().items() if key[0] == name]
        assert samples, f"{name} is not among the metrics"
        return sum(value for found, value in samples if labels.items() <= dict(found).items())

    def rss_bytes(self):
        return self._status_bytes("VmRSS")

    def peak_rss_bytes(self):
        """The most memory held since the start or the last reset_peak_rss()."""
        return self._status_bytes("VmHWM")

    def reset_peak_rss(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self, sig=signal.SIGTERM, timeout=60):
        """Sends `sig` and returns the exit code, negative when a signal ended the server."""
        if self.process.poll() is None:
            self._good_exits |= {-sig} if sig == signal.SIGKILL else set()
            self.process.send_signal(sig)
        return self.process.wait(timeout)

    def expect_exit(self, code, timeout=60):
        """Waits for the server to end by itself with `code`, which then is no crash."""
        assert self.process.wait(timeout) == code, self.log()[-8000:]
        self._good_exits.add(code)

    def _read_stdout(self):
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _expect_line(self, pattern, deadline):
        try:
            line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            line = "nothing in time"
        if line is not None and (match := pattern.fullmatch(line)):
            return match
        got = "the end of its output" if line is None else repr(line)
        raise AssertionError(
            f"darkroom-server printed {got} instead of {pattern.pattern!r}:\n{self.log()[-8000:]}"
        )

    def _status_bytes(self, field):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)[1])

    def _release(self):
        for channel in self._channels:
            channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._stderr.close()
