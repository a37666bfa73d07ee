"""TLS and bearer tokens over a real socket, and their exchange while the server serves."""

import os
import socket
import ssl
import threading

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from certificates import Authority, Pair
from live_server import LiveServer, wait_until
from pictures import raw_request
from protos import pb, rpc
from rpc_errors import expect_failure, failure_of

pytestmark = pytest.mark.timeout(240)

# A watched file's change is seen within this, in seconds.
EXCHANGE_TIMEOUT = 5
FAILURES = "darkroom_tls_reload_failures_total"
EXPIRY = "darkroom_tls_certificate_expiry_timestamp_seconds"


@pytest.fixture(scope="module")
def authority():
    return Authority("authority")


@pytest.fixture(scope="module")
def callers():
    """Who signs the certificates of callers."""
    return Authority("callers")


def replace(path, content):
    """Exchanges a file as a whole."""
    beside = path.with_name(path.name + ".next")
    beside.write_bytes(content)
    os.replace(beside, path)


class PairFiles:
    """Certificate and key in a folder, written one after the other."""

    def __init__(self, folder, pair):
        self.certificate, self.key = folder / "tls.crt", folder / "tls.key"
        self.write(pair)

    def write(self, pair):
        replace(self.certificate, pair.certificate)
        replace(self.key, pair.key)

    @property
    def flags(self):
        return ["--tls-cert", self.certificate, "--tls-key", self.key]


class MountedPair(PairFiles):
    """The same as Kubernetes mounts a secret: both change with one symbolic link above them."""

    def __init__(self, folder, pair):
        self._folder, self._version = folder, 0
        for name in ("tls.crt", "tls.key"):
            (folder / name).symlink_to(f"..data/{name}")
        super().__init__(folder, pair)

    def write(self, pair):
        self._version += 1
        version = self._folder / f"..{self._version}"
        version.mkdir()
        (version / "tls.crt").write_bytes(pair.certificate)
        (version / "tls.key").write_bytes(pair.key)
        (self._folder / "..data_tmp").symlink_to(version.name)
        os.replace(self._folder / "..data_tmp", self._folder / "..data")


def credentials_of(authority, own=None):
    """A caller's: whom it believes, and its own pair."""
    own = own or Pair(None, None)
    return grpc.ssl_channel_credentials(authority.certificate, own.key, own.certificate)


def shown_name(live, authority):
    """The common name in the certificate that a new handshake shows, seen by Python's own TLS."""
    context = ssl.create_default_context(cadata=authority.certificate.decode())
    context.set_alpn_protocols(["h2"])
    host, _, port = live.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=host) as secure:
            return dict(entry[0] for entry in secure.getpeercert()["subject"])["commonName"]


def wait_for_name(live, authority, name):
    wait_until(
        lambda: shown_name(live, authority) == name,
        f"handshakes show {name}",
        timeout=EXCHANGE_TIMEOUT,
    )


def generate(live, channel=None, token=None, **fields):
    metadata = [("authorization", f"Bearer {token}")] if token is not None else None
    stub = rpc.ImageGenerationServiceStub(channel or live.channel)
    request = raw_request(num_inference_steps=1, **fields)
    return stub.GenerateImages(request, timeout=60, metadata=metadata)


class Load:
    """Calls one after another inside a `with` block; none may fail.

    Two callers ask for images on a connection each, two open one for every health check.
    """

    def __init__(self, live):
        self._live, self._failures, self._stop = live, [], threading.Event()
        self.images = self.handshakes = 0
        tasks = [self._make_images, self._shake_hands] * 2
        self._threads = [threading.Thread(target=self._run, args=(task,)) for task in tasks]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self._failures, self._failures

    def _run(self, task):
        try:
            task()
        except grpc.RpcError as error:
            self._failures.append(failure_of(error))

    def _make_images(self):
        channel = self._live.open_channel()
        while not self._stop.is_set():
            generate(self._live, channel)
            self.images += 1

    def _shake_hands(self):
        while not self._stop.is_set():
            with self._live.open_channel() as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                stub.Check(health_pb2.HealthCheckRequest(), timeout=60)
            self.handshakes += 1


def expect_unavailable(live, credentials):
    channel = live.open_channel(credentials)
    failure = expect_failure(lambda: generate(live, channel))
    assert failure.code == grpc.StatusCode.UNAVAILABLE


def test_callers_who_trust_the_authority_are_served_and_plaintext_is_not(tmp_path, authority):
    files = PairFiles(tmp_path, authority.issue("server"))
    with LiveServer(*files.flags, credentials=credentials_of(authority)) as live:
        assert len(generate(live).images) == 1
        expect_unavailable(live, credentials_of(Authority("stranger")))
        with grpc.insecure_channel(live.address) as plain:
            failure = expect_failure(lambda: generate(live, plain))
        assert failure.code == grpc.StatusCode.UNAVAILABLE
        assert live.metric(FAILURES) == 0


def test_only_callers_with_a_certificate_of_the_client_ca_pass_the_handshake(
    tmp_path, authority, callers
):
    files = PairFiles(tmp_path, authority.issue("server"))
    client_ca = tmp_path / "ca.crt"
    client_ca.write_bytes(callers.certificate)
    good = credentials_of(authority, callers.issue("caller"))
    flags = [*files.flags, "--tls-client-ca", client_ca]
    with LiveServer(*flags, credentials=good) as live:
        assert len(generate(live).images) == 1
        expect_unavailable(live, credentials_of(authority))
        expect_unavailable(live, credentials_of(authority, callers.issue("late", expired=True)))
        expect_unavailable(live, credentials_of(authority, authority.issue("caller")))
        assert len(generate(live, live.open_channel()).images) == 1


@pytest.mark.parametrize("kind", [PairFiles, MountedPair])
def test_no_call_fails_while_pairs_are_exchanged_and_handshakes_show_the_next(
    tmp_path, authority, kind
):
    files = kind(tmp_path, authority.issue("pair-0"))
    with LiveServer(*files.flags, credentials=credentials_of(authority)) as live:
        assert shown_name(live, authority) == "pair-0"
        assert live.metric(EXPIRY) > 0
        with Load(live) as load:
            for i in range(1, 4):
                images, handshakes = load.images, load.handshakes
                files.write(authority.issue(f"pair-{i}"))
                wait_for_name(live, authority, f"pair-{i}")
                wait_until(lambda: load.images > images + 2, "images are made", timeout=60)
                assert load.handshakes > handshakes


def test_a_call_in_flight_outlives_the_exchange_of_the_pair(tmp_path, authority):
    files = PairFiles(tmp_path, authority.issue("first"))
    flags = [*files.flags, "--batch-window", "4s", "--max-batch-size", "2"]
    with LiveServer(*flags, credentials=credentials_of(authority)) as live:
        request = raw_request(num_inference_steps=1)
        call = live.stub.GenerateImages.future(request, timeout=60)
        wait_until(lambda: live.metric("darkroom_live_calls") == 1, "the call is live")
        files.write(authority.issue("second"))
        wait_for_name(live, authority, "second")
        assert not call.done(), "the call was done before the exchange"
        assert len(call.result().images) == 1


def test_a_bad_pair_keeps_the_one_before_and_is_counted(tmp_path, authority):
    first = authority.issue("first")
    files = PairFiles(tmp_path, first)
    with LiveServer(*files.flags, credentials=credentials_of(authority)) as live:
        expiry = live.metric(EXPIRY)
        expired = authority.issue("expired", expired=True)
        bad = [
            Pair(authority.issue("second").certificate, first.key),
            expired,
            Pair(b"garbage\n", b"garbage\n"),
        ]
        for pair in bad:
            failures = live.metric(FAILURES)
            files.write(pair)
            wait_until(lambda: live.metric(FAILURES) > failures, "it is counted", EXCHANGE_TIMEOUT)
            assert shown_name(live, authority) == "first"
            assert live.metric(EXPIRY) == expiry
        failures = live.metric(FAILURES)
        files.certificate.unlink()
        wait_until(lambda: live.metric(FAILURES) > failures, "it is counted", EXCHANGE_TIMEOUT)
        assert shown_name(live, authority) == "first"
        assert str(files.certificate) in live.log()
        files.write(authority.issue("third"))
        wait_for_name(live, authority, "third")


def test_an_exchanged_client_ca_decides_on_handshakes_from_then_on(tmp_path, authority, callers):
    files = PairFiles(tmp_path, authority.issue("server"))
    client_ca = tmp_path / "ca.crt"
    client_ca.write_bytes(callers.certificate)
    before = credentials_of(authority, callers.issue("caller"))
    next_callers = Authority("next-callers")
    after = credentials_of(authority, next_callers.issue("caller"))

    with LiveServer(*files.flags, "--tls-client-ca", client_ca, credentials=before) as live:
        expect_unavailable(live, after)
        replace(client_ca, next_callers.certificate)

        def is_taken():
            try:
                return generate(live, live.open_channel(after))
            except grpc.RpcError:
                return None

        wait_until(is_taken, "the next client CA counts", EXCHANGE_TIMEOUT)
        expect_unavailable(live, before)


def test_a_bad_pair_at_the_start_is_an_error_naming_the_file(tmp_path, authority):
    first, second = authority.issue("first"), authority.issue("second")
    files = PairFiles(tmp_path, Pair(first.certificate, second.key))
    with pytest.raises(AssertionError, match="tls.key"):
        with LiveServer(*files.flags, credentials=credentials_of(authority)):
            pass


OWN, HIGH = "own-token-0123456789", "high-token-0123456789"
WRONG, NEXT = "wrong-token-0123456789", "next-token-0123456789"


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# owners\nme {OWN}\nme {HIGH} high\n")
    return path


def expect_unauthenticated(call):
    failure = expect_failure(call)
    assert (failure.code, failure.reason) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert failure.retry is None


def test_calls_without_a_token_of_the_file_are_unauthenticated(token_file):
    with LiveServer("--auth-token-file", token_file) as live:
        assert len(generate(live, token=OWN).images) == 1
        expect_unauthenticated(lambda: generate(live))
        for token in (WRONG, OWN[:-1], OWN + "x", "", OWN.upper()):
            expect_unauthenticated(lambda token=token: generate(live, token=token))
        for values in (OWN, f"Basic {OWN}"), (f"Bearer {OWN}", f"Bearer {OWN}"):
            request = raw_request(num_inference_steps=1)
            metadata = [("authorization", value) for value in values]
            expect_unauthenticated(
                lambda metadata=metadata, request=request: live.stub.GenerateImages(
                    request, timeout=60, metadata=metadata
                )
            )


def test_high_priority_is_for_tokens_that_allow_it(token_file):
    with LiveServer("--auth-token-file", token_file) as live:
        failure = expect_failure(lambda: generate(live, token=OWN, priority=pb.PRIORITY_HIGH))
        assert failure.code == grpc.StatusCode.PERMISSION_DENIED
        assert failure.reason == "PRIORITY_NOT_ALLOWED"
        assert len(generate(live, token=OWN, priority=pb.PRIORITY_LOW).images) == 1
        assert len(generate(live, token=HIGH, priority=pb.PRIORITY_HIGH).images) == 1


def test_an_exchanged_token_file_counts_within_5_seconds_and_a_bad_one_never(token_file):
    with LiveServer("--auth-token-file", token_file) as live:

        def is_taken(token):
            try:
                return generate(live, token=token)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAUTHENTICATED
                return None

        # Rotation: both tokens, then the next alone.
        replace(token_file, f"me {OWN}\nme {NEXT}\n".encode())
        wait_until(lambda: is_taken(NEXT), "the next token counts", EXCHANGE_TIMEOUT)
        assert is_taken(OWN)
        replace(token_file, f"me {NEXT}\n".encode())
        wait_until(lambda: not is_taken(OWN), "the first is refused", EXCHANGE_TIMEOUT)
        replace(token_file, f"me {NEXT}\nme {OWN} low\n".encode())
        wait_until(lambda: f"{token_file}: line 2" in live.log(), "it is logged", EXCHANGE_TIMEOUT)
        assert is_taken(NEXT) and not is_taken(OWN)


def test_no_token_is_in_the_log(token_file):
    flags = ["--auth-token-file", token_file, "--log-level", "debug", "--log-prompts"]
    with LiveServer(*flags) as live:
        generate(live, token=OWN, prompt="a-red-apple")
        expect_unauthenticated(lambda: generate(live, token=WRONG))
        replace(token_file, f"me {NEXT}\nme {NEXT}\n".encode())
        wait_until(lambda: f"{token_file}: line 2" in live.log(), "it is logged", EXCHANGE_TIMEOUT)
        wait_until(lambda: "a-red-apple" in live.log(), "the call is logged")
        live.stop()
        for token in (OWN, HIGH, WRONG, NEXT):
            assert token not in live.log()
