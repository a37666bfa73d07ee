"""A real Prometheus with the shipped rules, beside a server under load, has all the answers."""

import concurrent.futures
import contextlib
import http.client
import json
import math
import subprocess
import time

import pytest

from client_command import client_command
from deployment import ALERTS, RECORDING_RULES, dashboard_queries
from live_prometheus import LivePrometheus
from live_server import LiveServer, clean_environment, wait_until
from promql import metric_names

pytestmark = pytest.mark.timeout(240)

SEEN = 12
SCRAPES = 50
LIMIT = 1500
QUERIES = dashboard_queries()
RULES = [(name, expression) for name, expression in RECORDING_RULES.items()]
RULES += [(name, alert["expr"]) for name, alert in ALERTS.items()]


@contextlib.contextmanager
def load(live, folder):
    """`darkroom bench` at a rate that leaves the device idle now and then, while the block lasts."""
    mix = folder / "mix.json"
    mix.write_text(json.dumps({"kinds": [{"name": "draft", "steps": 2}]}))
    options = ["bench", "--mix", mix, "--rate", 3, "--duration", "10m"]
    bench = subprocess.Popen(
        client_command(live.address, *options),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        text=True,
    )
    try:
        yield
        assert bench.poll() is None, bench.stderr.read()
    finally:
        bench.kill()
        bench.communicate()


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


@pytest.fixture(scope="module")
def prometheus(server, tmp_path_factory):
    """Prometheus that has recorded every series of a server, which is under load meanwhile."""
    folder = tmp_path_factory.mktemp("load")
    with load(server, folder), LivePrometheus(server.metrics_address) as prometheus:

        def ready():
            seen = prometheus.query(f"count_over_time(up[1m]) >= {SEEN}")
            return seen and all(prometheus.query(name) for name in RECORDING_RULES)

        wait_until(ready, "Prometheus has scraped often and recorded every rule", timeout=90)
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


@pytest.mark.parametrize("title, expression", QUERIES)
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
    # How long they take is bench/scrapes.py's; here that none waits for Prometheus' own time limit.
    assert max(taken for _, taken in answers) < 10
