"""A real Prometheus with the shipped rules, beside a server under load: all that is asked has answers."""

import concurrent.futures
import contextlib
import http.client
import math
import subprocess
import threading
import time

import grpc
import pytest

from deployment import ALERTS, RECORDING_RULES, dashboard_queries
from live_prometheus import LivePrometheus
from live_server import LiveServer, wait_until
from promql import metric_names
from protos import pb

pytestmark = pytest.mark.timeout(120)

SEEN = 12
SCRAPES = 50
LIMIT = 1500
QUERIES = dashboard_queries()
RULES = [(name, expression) for name, expression in RECORDING_RULES.items()]
RULES += [(name, alert["expr"]) for name, alert in ALERTS.items()]


class Load:
    """Waves of calls inside a `with` block: most good, one wrong, and the device idle between them."""

    def __init__(self, live):
        self._live = live
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _run(self):
        good = pb.GenerateImagesRequest(prompt="a red apple", num_inference_steps=2)
        wrong = pb.GenerateImagesRequest(num_inference_steps=0)
        while not self._end.wait(0.1):
            calls = [self._live.stub.GenerateImages.future(good, timeout=60) for _ in range(3)]
            list(self._live.stub.StreamImages(pb.StreamImagesRequest(generation=good), timeout=60))
            with contextlib.suppress(grpc.RpcError):
                self._live.stub.GenerateImages(wrong, timeout=60)
            for call in calls:
                call.result()


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


@pytest.fixture(scope="module")
def prometheus(server):
    """Prometheus that has recorded every series of a server, which is under load meanwhile."""
    with Load(server), LivePrometheus(server.metrics_address) as prometheus:

        def ready():
            seen = prometheus.query(f"count_over_time(up[1m]) >= {SEEN}")
            return seen and all(prometheus.query(name) for name in RECORDING_RULES)

        wait_until(ready, "Prometheus has scraped often and recorded every rule", timeout=45)
        yield prometheus


def page(live):
    """The metrics page, and the seconds that it took."""
    host, _, port = live.metrics_address.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    begin = time.monotonic()
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert answer.status == 200
    return body, time.monotonic() - begin


def test_target_is_up(prometheus):
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["labels"]["job"]) == ("up", "darkroom"), target["lastError"]


@pytest.mark.parametrize("name, expression", RULES, ids=[name for name, _ in RULES])
def test_metrics_of_rules_exist(prometheus, name, expression):
    """Counted over time, for what is up and what is absent comes and goes."""
    for metric in metric_names(expression):
        assert prometheus.query(f"count_over_time({metric}[5m])"), metric


@pytest.mark.parametrize("record", RECORDING_RULES)
def test_recorded_series_are_numbers(prometheus, record):
    values = [value for _, value in prometheus.query(record)]
    assert values and not any(math.isnan(value) for value in values)


@pytest.mark.parametrize(
    "title, expression", QUERIES, ids=[f"{number} {title}" for number, (title, _) in enumerate(QUERIES)]
)
def test_query_of_the_dashboard_returns_data(prometheus, title, expression):
    for metric in metric_names(expression) - {"ALERTS"}:  # Which exists while there are some.
        assert prometheus.query(f"count_over_time({metric}[5m])"), metric
    values = [value for _, value in prometheus.query(expression)]
    assert values, "no series"
    assert not all(math.isnan(value) for value in values), "nothing but NaN"


def test_rules_are_evaluated_without_errors_and_nothing_fires(prometheus):
    rules = prometheus.rules()
    assert {rule["name"] for rule in rules} == {*RECORDING_RULES, *ALERTS}
    for rule in rules:
        assert (rule["health"], rule.get("lastError", "")) == ("ok", ""), rule["name"]
        assert rule.get("state") != "firing", rule["name"]


def test_scrape_is_within_its_budget(prometheus):
    ((_, samples),) = prometheus.query("scrape_samples_post_metric_relabeling")
    assert samples < LIMIT


def test_page_is_well_formed(server, prometheus):
    body, _ = page(server)
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_many_scrapes_at_once_are_all_answered_under_load(server, prometheus):
    with concurrent.futures.ThreadPoolExecutor(SCRAPES) as pool:
        answers = list(pool.map(lambda _: page(server), range(SCRAPES)))
    assert all(body.endswith(b"\n") and b"darkroom_ready 1" in body for body, _ in answers)
    times = sorted(taken for _, taken in answers)
    print(f"{SCRAPES} scrapes: median {times[SCRAPES // 2]:.3f} s, longest {times[-1]:.3f} s")
    assert times[-1] < 5
