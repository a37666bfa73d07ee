"""Rules and alerts of deploy/prometheus: valid, tested in three ways, each with its runbook."""

import functools
import json
import re
import subprocess

import pytest
import yaml

from deployment import ALERTS, PROMETHEUS, RECORDING_RULES, load, panels
from promql import metric_names
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(120)

OPERATIONS = (REPOSITORY / "docs/operations.md").read_text()
RULE_TESTS = sorted((PROMETHEUS / "tests").glob("*_test.yml"))
SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
SERIES_NAME = re.compile(r"[a-zA-Z_:][\w:]*")


def promtool(*arguments):
    done = subprocess.run(
        ["promtool", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def seconds(duration):
    return sum(int(n) * SECONDS[unit] for n, unit in re.findall(r"(\d+)([dhms])", duration))


def names_behind(expression):
    """The series that an expression reads, and those behind the recorded ones."""
    names = metric_names(expression)
    recorded = [names_behind(RECORDING_RULES[name]) for name in names if name in RECORDING_RULES]
    return names.union(*recorded)


@functools.cache
def rule_test_files():
    texts = {path.stem: path.read_text() for path in RULE_TESTS}
    return {name: yaml.load(text, yaml.CSafeLoader)["tests"] for name, text in texts.items()}


def rule_tests(alert):
    """For each test of an alert: the metrics that it feeds, and [(time, whether it fires)]."""
    for test in (test for tests in rule_test_files().values() for test in tests):
        checks = [
            (seconds(check["eval_time"]), bool(check["exp_alerts"]))
            for check in test.get("alert_rule_test", [])
            if check["alertname"] == alert
        ]
        if checks:
            series = {SERIES_NAME.match(one["series"])[0] for one in test["input_series"]}
            yield series, sorted(checks)


def test_configuration_is_valid():
    promtool("check", "config", PROMETHEUS / "prometheus.yml")


def test_rules_are_valid():
    promtool("check", "rules", PROMETHEUS / "recording_rules.yml", PROMETHEUS / "alerts.yml")


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path):
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_is_seen_to_fire_to_resolve_and_to_keep_silent_on_a_near_miss(alert):
    tests = list(rule_tests(alert))
    fires = [checks for _, checks in tests if any(fired for _, fired in checks)]
    assert fires, "never fires"
    assert any(not checks[-1][1] for checks in fires), "never resolves"
    needed = names_behind(ALERTS[alert]["expr"])
    silent = [fed for fed, checks in tests if not any(fired for _, fired in checks)]
    assert any(fed & needed for fed in silent), "is never silent with data"


def test_every_recorded_series_is_compared_or_behind_an_alert_that_is():
    compared = {
        name
        for test in rule_test_files()["recording_rules_test"]
        for check in test["promql_expr_test"]
        for name in metric_names(check["expr"])
    }
    for alert in ALERTS.values():
        compared |= names_behind(alert["expr"])
    assert not set(RECORDING_RULES) - compared


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_says_how_bad_it_is_and_what_to_do(alert):
    rule = ALERTS[alert]
    assert rule["labels"] in ({"severity": "critical"}, {"severity": "warning"})
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{alert.lower()}"
    assert re.search(rf"^#+ {alert}$", OPERATIONS, re.MULTILINE), "has no heading in the runbook"


def test_the_runbook_knows_these_alerts_and_no_others():
    rows = re.findall(r"^\| \[(Darkroom\w+)\]\(#\w+\) \| (\w+) \|", OPERATIONS, re.MULTILINE)
    assert rows == [(name, rule["labels"]["severity"]) for name, rule in ALERTS.items()]
    assert set(re.findall(r"\bDarkroom[A-Z]\w+", OPERATIONS)) == set(ALERTS)


def test_recorded_series_and_panels_that_operations_names_exist():
    recorded = set(re.findall(r"`((?:\w+:)?darkroom\w*:\w+(?::\w+)?)`", OPERATIONS))
    assert recorded and recorded <= set(RECORDING_RULES)
    begin, end = OPERATIONS.index("## Metrics\n"), OPERATIONS.index("## Advice for callers\n")
    quoted = set(re.findall(r'"([A-Z][^"]+)"', " ".join(OPERATIONS[begin:end].split())))
    assert quoted and quoted <= {panel["title"] for panel in panels()}


def test_objectives_stand_once_and_in_the_pages_as_they_are():
    objectives = {name: RECORDING_RULES[name] for name in RECORDING_RULES if ":objective_" in name}
    named = re.findall(r"^\| `(darkroom:objective_\w+:\w+)` \| ([\d.]+) \|", OPERATIONS, re.M)
    assert objectives == {name: f"vector({value})" for name, value in named}


def pod(name, **changes):
    """A pod as Kubernetes would describe it to Prometheus: Debian's is built without it."""
    labels = {
        "namespace": "images",
        "pod_container_port_name": "metrics",
        "pod_label_app_kubernetes_io_name": "darkroom",
        "pod_name": name,
        "pod_node_name": "node-1",
        "pod_phase": "Running",
        **changes,
    }
    discovered = {f"__meta_kubernetes_{label}": value for label, value in labels.items()}
    return {"targets": ["10.0.0.7:9464"], "labels": discovered}


def test_in_kubernetes_the_metrics_ports_of_live_servers_are_scraped(tmp_path):
    configuration = load("prometheus-kubernetes.yml")
    del configuration["rule_files"]
    (job,) = configuration["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    job["static_configs"] = [
        pod("darkroom-0"),
        pod("other-program", pod_label_app_kubernetes_io_name="other"),
        pod("other-port", pod_container_port_name="grpc"),
        pod("ended", pod_phase="Failed"),
    ]
    path = tmp_path / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))
    promtool("check", "config", path)
    found = promtool("check", "service-discovery", "--timeout=2s", path, "darkroom")
    kept = [target["labels"] for target in json.loads(found) if target["labels"]]
    assert kept == [
        {
            "__address__": "10.0.0.7:9464",
            "__metrics_path__": "/metrics",
            "__scheme__": "http",
            "__scrape_interval__": "15s",
            "__scrape_timeout__": "10s",
            "instance": "10.0.0.7:9464",
            "job": "darkroom",
            "namespace": "images",
            "node": "node-1",
            "pod": "darkroom-0",
        }
    ]
