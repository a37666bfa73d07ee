"""deploy/grafana/darkroom.json as a file: tidy, complete and not tied to one Grafana."""

import json
import re

import pytest
import yaml

from deployment import DASHBOARD, RECORDING_RULES, dashboard_queries, panels
from promql import metric_names
from protos import REPOSITORY

GRAFANA = REPOSITORY / "deploy/grafana"
CHOSEN = {"type": "prometheus", "uid": "${datasource}"}
ROWS = ["Overview", "Queue", "Batching", "Stages", "Device", "Clients", "Process", "Info"]
VARIABLES = ["datasource", "job", "namespace", "pod", "instance", "model"]


def cells(panel):
    grid = panel["gridPos"]
    columns = range(grid["x"], grid["x"] + grid["w"])
    return {(x, y) for x in columns for y in range(grid["y"], grid["y"] + grid["h"])}


def test_file_is_sorted_and_indented_by_two():
    text = (GRAFANA / "darkroom.json").read_text()
    assert text == json.dumps(DASHBOARD, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_identity_is_fixed_and_ids_are_unique():
    assert (DASHBOARD["uid"], DASHBOARD["id"]) == ("darkroom", None)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert [panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"] == ROWS


def test_panels_neither_overlap_nor_leave_the_grid():
    taken = set()
    for panel in DASHBOARD["panels"]:
        mine = cells(panel)
        assert not mine & taken, panel["title"]
        assert all(0 <= x < 24 for x, _ in mine), panel["title"]
        taken |= mine


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: f"{panel['id']} {panel['title']}")
def test_panel_explains_itself_and_asks_the_chosen_data_source(panel):
    defaults = panel["fieldConfig"]["defaults"]
    assert panel["title"] and panel["description"].endswith(".")
    assert defaults["unit"] and defaults["thresholds"]["steps"][0]["value"] is None
    assert panel["datasource"] == CHOSEN
    assert [target["datasource"] for target in panel["targets"]] == [CHOSEN] * len(panel["targets"])
    references = [target["refId"] for target in panel["targets"]]
    assert references and len(references) == len(set(references))


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: f"{panel['id']} {panel['title']}")
def test_panel_minds_what_is_selected(panel):
    """Series of ours are asked for by the variables; objectives and alerts are of no one server."""
    for target in panel["targets"]:
        for selector in re.findall(r"\b([a-z_:]+)(\{[^}]*\})?", target["expr"]):
            name, labels = selector
            if name in metric_names(target["expr"]) and not name.startswith("darkroom:"):
                assert 'job=~"$job",namespace=~"$namespace"' in labels, target["expr"]


def test_variables_are_declared_used_and_may_find_no_label():
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert list(variables) == VARIABLES
    text = json.dumps(DASHBOARD)
    used = set(re.findall(r"\$\{?([a-z]\w*)", text))
    assert used == set(VARIABLES)
    for name in VARIABLES[1:]:  # Without such a label there are no values, and all means any.
        assert (variables[name]["includeAll"], variables[name]["allValue"]) == (True, ".*")


def test_deploys_are_annotated():
    (note,) = DASHBOARD["annotations"]["list"][1:]
    assert metric_names(note["expr"]) == {"darkroom_build_info"}
    assert note["datasource"] == CHOSEN


def test_recorded_series_that_are_asked_for_exist():
    recorded = {
        name
        for _, expression in dashboard_queries()
        for name in metric_names(expression)
        if ":" in name
    }
    assert recorded and recorded <= set(RECORDING_RULES)


def test_provisioning_names_a_data_source_and_the_folder_of_the_dashboard():
    folder = GRAFANA / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources/prometheus.yaml").read_text())["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (provider,) = yaml.safe_load((folder / "dashboards/darkroom.yaml").read_text())["providers"]
    assert (provider["type"], provider["allowUiUpdates"]) == ("file", False)
    operations = (REPOSITORY / "docs/operations.md").read_text()
    assert provider["options"]["path"] in operations
