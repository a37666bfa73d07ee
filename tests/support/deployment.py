"""What deploy/ has for Prometheus and Grafana: rules, alerts and the dashboard's queries."""

import json
import re

import yaml

from protos import REPOSITORY

PROMETHEUS = REPOSITORY / "deploy/prometheus"
DASHBOARD = json.loads((REPOSITORY / "deploy/grafana/darkroom.json").read_text())
# What Grafana puts in place of a variable, were everything selected.
_ALL = {"job": "darkroom", "__rate_interval": "1m"}
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def load(name):
    return yaml.safe_load((PROMETHEUS / name).read_text())


def _rules(name):
    return [rule for group in load(name)["groups"] for rule in group["rules"]]


RECORDING_RULES = {rule["record"]: rule["expr"] for rule in _rules("recording_rules.yml")}
ALERTS = {rule["alert"]: rule for rule in _rules("alerts.yml")}


def panels():
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def substituted(expression):
    return _VARIABLE.sub(lambda name: _ALL.get(name[1] or name[2], ".*"), expression)


def dashboard_queries():
    """Each query of panels and annotations, variables in place, by the title of its panel."""
    asked = [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]
    asked += [(note["name"], note["expr"]) for note in DASHBOARD["annotations"]["list"][1:]]
    return [(title, substituted(expression)) for title, expression in asked]
