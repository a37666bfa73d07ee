"""Autoscalers and monitors ask for what servers say, and get the right answer from Prometheus."""

import json
import re
import subprocess

import pytest
import yaml

from kustomize import DEPLOY, OVERLAYS, of_kind, only, overlay, pod, server
from live_server import LiveServer
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(120)
ADAPTER = DEPLOY / "kubernetes/components/hpa/prometheus-adapter-rules.yaml"
MONITORING = DEPLOY / "kubernetes/components/monitoring"
RULES = [("darkroom-recording-rules", "recording_rules"), ("darkroom-alerts", "alerts")]


def adapter_queries():
    """{metric for the autoscaler: query}, as the adapter fills its templates in for all pods."""
    rules = yaml.safe_load(ADAPTER.read_text())["rules"]
    filled = {"<<.LabelMatchers>>": 'namespace="darkroom",pod=~".+"', "<<.GroupBy>>": "pod"}
    queries = {}
    for rule in rules:
        query = rule["metricsQuery"]
        for template, value in filled.items():
            query = query.replace(template, value)
        queries[rule["name"]["as"]] = query
    return queries


def keda_queries():
    triggers = only(overlay("keda"), "ScaledObject")["spec"]["triggers"]
    return {trigger["name"]: trigger["metadata"]["query"] for trigger in triggers}


def test_the_metrics_asked_for_are_those_of_a_scrape():
    with LiveServer() as live:
        scraped = {name for name, _ in live.metrics()}
    queries = [*adapter_queries().values(), *keda_queries().values()]
    asked = set().union(*(re.findall(r"darkroom_\w+", query) for query in queries))
    assert len(asked) == 3 and asked <= scraped
    for rule in yaml.safe_load(ADAPTER.read_text())["rules"]:
        assert re.match(r"darkroom_\w+", rule["seriesQuery"])[0] in asked


def test_the_adapter_makes_the_metrics_that_the_autoscaler_reads():
    metrics = only(overlay("hpa"), "HorizontalPodAutoscaler")["spec"]["metrics"]
    assert {metric["pods"]["metric"]["name"] for metric in metrics} == set(adapter_queries())


def promtool_values(queries, series, tmp_path, expected):
    """Asks promtool for each query after ten minutes of these series; fails where it differs."""
    rules = [{"record": f"asked:{i}", "expr": query} for i, query in enumerate(queries)]
    groups = [{"name": "asked", "rules": rules}]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    tests = [
        {"expr": f"asked:{i}", "eval_time": "10m", "exp_samples": samples}
        for i, samples in enumerate(expected)
    ]
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    test = {"interval": "15s", "input_series": inputs, "promql_expr_test": tests}
    (tmp_path / "test.yml").write_text(
        yaml.safe_dump({"rule_files": ["rules.yml"], "evaluation_interval": "15s", "tests": [test]})
    )
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def pod_series(name, bucket_rises, depth, running):
    """A pod's series: how fast each bucket of the wait rises, and images queued and running."""
    labels = f'namespace="darkroom",pod="{name}"'
    size = 'priority="normal",size_class="1024"'
    series = {
        f'darkroom_queue_wait_seconds_bucket{{{labels},{size},le="{edge}"}}': f"0+{rise}x100"
        for edge, rise in bucket_rises.items()
    }
    series[f'darkroom_queue_depth{{{labels},priority="high"}}'] = "0x100"
    series[f'darkroom_queue_depth{{{labels},priority="normal"}}'] = f"{depth}x100"
    series[f"darkroom_running_images{{{labels}}}"] = f"{running}x100"
    return series


IDLE = pod_series("a", {"1": 0, "5": 0, "10": 0, "+Inf": 0}, 0, 0)
# Nine of ten images wait no longer than 5 s; the tenth does.
BUSY = pod_series("b", {"1": 0, "5": 9, "10": 10, "+Inf": 10}, 12, 8)


def test_keda_gets_the_wait_and_the_images(tmp_path):
    queries = keda_queries()
    assert list(queries) == ["queue-wait", "unfinished-images"]
    expected = [[{"labels": "asked:0", "value": 5}], [{"labels": "asked:1", "value": 20}]]
    promtool_values(queries.values(), {**IDLE, **BUSY}, tmp_path, expected)


def test_keda_gets_zeros_from_idle_servers(tmp_path):
    expected = [[{"labels": f"asked:{i}", "value": 0}] for i in range(2)]
    promtool_values(keda_queries().values(), IDLE, tmp_path, expected)


def test_keda_gets_no_number_of_images_without_servers(tmp_path):
    """So the count of servers stays, where an error of the scrape would look like idleness."""
    other = {'darkroom_queue_depth{namespace="other"}': "5x100"}
    expected = [[{"labels": "asked:0", "value": 0}], []]
    promtool_values(keda_queries().values(), other, tmp_path, expected)
    for trigger in only(overlay("keda"), "ScaledObject")["spec"]["triggers"]:
        assert trigger["metadata"]["ignoreNullValues"] == "false"


def test_the_adapter_gets_the_wait_and_the_images_of_each_pod(tmp_path):
    queries = adapter_queries()
    order = ["darkroom_queue_wait_p90_seconds", "darkroom_unfinished_images"]
    expected = [
        [
            {"labels": f'asked:{i}{{pod="a"}}', "value": 0},
            {"labels": f'asked:{i}{{pod="b"}}', "value": value},
        ]
        for i, value in enumerate((5, 20))
    ]
    promtool_values([queries[name] for name in order], {**IDLE, **BUSY}, tmp_path, expected)


def behaviour(name):
    for scaler in of_kind(overlay(name), "HorizontalPodAutoscaler"):
        spec = scaler["spec"]
        return spec["scaleTargetRef"], spec["minReplicas"], spec["behavior"]
    spec = only(overlay(name), "ScaledObject")["spec"]
    advanced = spec["advanced"]["horizontalPodAutoscalerConfig"]
    return spec["scaleTargetRef"], spec["minReplicaCount"], advanced["behavior"]


@pytest.mark.parametrize("name", ["hpa", "keda", "prod"])
def test_an_autoscaler_has_the_replicas_to_itself_and_takes_one_at_a_time(name):
    target, least, moves = behaviour(name)
    deployment = only(overlay(name), "Deployment")
    assert target["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]
    assert least >= 1  # Who would say that images wait?
    down = moves["scaleDown"]
    assert down["stabilizationWindowSeconds"] >= 300
    (policy,) = down["policies"]
    grace = pod(overlay(name))["spec"]["terminationGracePeriodSeconds"]
    assert policy["value"] == 1 and policy["periodSeconds"] >= grace
    assert moves["scaleUp"]["stabilizationWindowSeconds"] == 0


@pytest.mark.parametrize("name", sorted(set(OVERLAYS) - {"hpa", "keda", "prod", "kserve"}))
def test_without_an_autoscaler_the_replicas_are_said(name):
    assert only(overlay(name), "Deployment")["spec"]["replicas"] == (1 if name == "dev-cpu" else 2)


@pytest.mark.parametrize("name, file", RULES)
def test_rules_in_the_cluster_are_those_of_prometheus(name, file):
    source = f"deploy/prometheus/{file}.yml"
    done = subprocess.run(
        [REPOSITORY / "tools/prometheus-rules", name, source],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    kept = MONITORING / f"{file.replace('_', '-')}.yaml"
    command = f"tools/prometheus-rules {name} {source} > {kept.relative_to(REPOSITORY)}"
    assert kept.read_text() == done.stdout, f"run: {command}"
    rules = {rule["metadata"]["name"]: rule for rule in of_kind(overlay("prod"), "PrometheusRule")}
    wanted = yaml.safe_load((REPOSITORY / source).read_text())["groups"]
    assert rules[name]["spec"]["groups"] == wanted


def test_targets_belong_to_the_job_that_rules_ask_for():
    monitor = only(overlay("monitoring"), "PodMonitor")["spec"]
    job = pod(overlay("monitoring"))["metadata"]["labels"][monitor["jobLabel"]]
    for _, file in RULES:
        text = (DEPLOY / f"prometheus/{file}.yml").read_text()
        assert set(re.findall(r'\bjob="([^"]*)"', text)) <= {job}
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["port"] in {port["name"] for port in server(overlay("monitoring"))["ports"]}


def test_the_dashboard_is_grafanas_own_file():
    (board,) = [
        found
        for found in of_kind(overlay("monitoring"), "ConfigMap")
        if found["metadata"]["name"] == "darkroom-dashboard"
    ]
    assert board["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = board["data"].values()
    assert text == (DEPLOY / "grafana/darkroom.json").read_text() and json.loads(text)
