"""What deploy/kubernetes renders is what a cluster takes, and fits together."""

import copy
import itertools
import json
import re

import pytest
import yaml

from kubernetes_schemas import VERSIONS, Refused, is_custom, validate
from kustomize import COMPONENTS, DEPLOY, OVERLAYS, copy_deploy, environment, kustomization
from kustomize import kustomize, of_kind, only, overlay, pod, server
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(240)

PAGE = (REPOSITORY / "docs/kubernetes.md").read_text()
# Two answers to one question.
EXCLUSIVE = {frozenset({"hpa", "keda"})}
# Maps of the author's own names, which schemas cannot know.
FREE = {"annotations", "labels", "matchLabels", "data", "requests", "limits"}
each_overlay = pytest.mark.parametrize("name", OVERLAYS)


def provided():
    """{(kind, name): keys} of what docs/kubernetes.md asks for."""
    rows = re.findall(r"^\| (\w+) `([\w-]+)` \| (.*?) \|", PAGE, re.MULTILINE)
    return {(kind, name): re.findall(r"`([^`]+)`", keys) for kind, name, keys in rows}


@each_overlay
@pytest.mark.parametrize("kubernetes", VERSIONS)
def test_every_object_passes_its_schema(name, kubernetes):
    for found in [*overlay(name), pod(overlay(name))]:
        validate(found, kubernetes)


def test_every_pair_of_components_renders_and_passes_the_schemas(tmp_path):
    root = copy_deploy(tmp_path)
    pairs = [pair for pair in itertools.combinations(COMPONENTS, 2) if set(pair) not in EXCLUSIVE]
    for pair in pairs:
        folder = kustomization(
            root / "pairs" / "-".join(pair),
            resources=["../../base"],
            components=[f"../../components/{name}" for name in pair],
        )
        for found in kustomize(folder):
            validate(found)


def test_every_component_is_in_an_overlay_or_in_the_page():
    used = set()
    for name in OVERLAYS:
        text = (DEPLOY / "kubernetes/overlays" / name / "kustomization.yaml").read_text()
        used |= {path.rpartition("/")[2] for path in yaml.safe_load(text).get("components", [])}
    assert set(COMPONENTS) - used == {"no-surge"}
    assert all(f"| `{name}` |" in PAGE for name in [*COMPONENTS, *OVERLAYS])


def paths(value, path=()):
    """Every key of nested objects, as (the way to its object, the key)."""
    if isinstance(value, dict):
        for key in value:
            if "/" in key:
                continue  # A label.
            yield path, key
            if key not in FREE:
                yield from paths(value[key], (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


def with_key_renamed(found, path, key):
    changed = copy.deepcopy(found)
    place = changed
    for step in path:
        place = place[step]
    place[key + "X"] = place.pop(key)
    return changed


def one_of_each_kind():
    kinds = {}
    for name in OVERLAYS:
        for found in overlay(name):
            kinds[found["kind"]] = found  # That of prod, where there is one.
    # Of its hundred rules, two of each group say as much.
    kinds["PrometheusRule"] = copy.deepcopy(kinds["PrometheusRule"])
    for group in kinds["PrometheusRule"]["spec"]["groups"]:
        group["rules"] = group["rules"][:2]
    return kinds


@pytest.mark.parametrize("kind", sorted(one_of_each_kind()))
def test_a_misspelt_field_is_refused(kind):
    found = one_of_each_kind()[kind]
    validate(found)
    renamed = [(path, key) for path, key in paths(found) if not path or path[0] != "metadata"]
    for path, key in renamed:
        if not path and key in ("apiVersion", "kind"):
            continue  # Without them nobody knows the schema.
        with pytest.raises(Refused):
            validate(with_key_renamed(found, path, key))
            pytest.fail(f"{kind}: {'.'.join(map(str, path))}.{key}X passed")


@pytest.mark.parametrize(
    "kind, path, key",
    [
        ("Deployment", ("spec",), "selector"),
        ("Deployment", ("spec", "template", "spec", "containers", 0), "name"),
        ("Service", ("spec", "ports", 0), "port"),
        ("HorizontalPodAutoscaler", ("spec",), "maxReplicas"),
        ("PodMonitor", ("spec",), "selector"),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0), "expr"),
        ("ScaledObject", ("spec", "triggers", 0, "metadata"), "serverAddress"),
        ("ScaledObject", ("spec",), "scaleTargetRef"),
        ("ServingRuntime", ("spec",), "containers"),
        ("ServingRuntime", ("spec", "containers", 0), "name"),
        ("InferenceService", ("spec", "predictor", "model"), "modelFormat"),
    ],
)
def test_a_missing_field_is_refused(kind, path, key):
    changed = copy.deepcopy(one_of_each_kind()[kind])
    place = changed
    for step in path:
        place = place[step]
    del place[key]
    with pytest.raises(Refused, match=key):
        validate(changed)


def test_every_kind_that_is_not_kubernetes_own_has_a_schema():
    custom = {kind for kind, found in one_of_each_kind().items() if is_custom(found)}
    kept = {path.stem for path in (REPOSITORY / "tests/deploy/schemas").glob("*.json")}
    assert {kind.lower() for kind in custom} == kept


@each_overlay
def test_every_reference_leads_to_an_object_or_to_one_the_page_asks_for(name):
    objects = overlay(name)
    made = {(found["kind"], found["metadata"]["name"]) for found in objects}
    spec = pod(objects)["spec"]
    wanted = {("ServiceAccount", spec["serviceAccountName"])}
    for volume in spec["volumes"]:
        if "configMap" in volume:
            wanted.add(("ConfigMap", volume["configMap"]["name"]))
        if "secret" in volume:
            wanted.add(("Secret", volume["secret"]["secretName"]))
        if "persistentVolumeClaim" in volume:
            wanted.add(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
    assert wanted - made <= set(provided())
    mounted = {mount["name"] for part in containers(spec) for mount in part["volumeMounts"]}
    assert mounted == {volume["name"] for volume in spec["volumes"]}


def containers(spec):
    return [*spec.get("initContainers", []), *spec["containers"]]


@each_overlay
def test_every_object_fits_the_note_that_apply_makes_of_it(name):
    for found in overlay(name):
        assert len(json.dumps(found)) < 200_000  # Annotations have 256 KiB together.


@each_overlay
def test_objects_are_in_the_namespace_and_carry_the_recommended_labels(name):
    namespace = only(overlay(name), "Namespace")["metadata"]["name"]
    for found in overlay(name):
        assert found["kind"] == "Namespace" or found["metadata"]["namespace"] == namespace
    for kind in ("Namespace", "Deployment", "ServingRuntime", "InferenceService", "Service"):
        for found in of_kind(overlay(name), kind):
            labels = found["metadata"]["labels"]
            assert labels["app.kubernetes.io/name"] == "darkroom"
            assert labels["app.kubernetes.io/version"] == version()


def version():
    text = (REPOSITORY / "CMakeLists.txt").read_text()
    return re.search(r"project\(darkroom VERSION (\S+)", text)[1]


@each_overlay
def test_images_are_of_the_projects_version_and_for_the_device(name):
    spec = pod(overlay(name))["spec"]
    uses_gpu = {"name": "DARKROOM_DEVICE", "value": "cuda"} in server(overlay(name))["env"]
    for container in containers(spec):
        assert container["image"] == f"darkroom:{version()}" + "-cuda" * uses_gpu


def test_the_pages_own_overlay_changes_image_hashes_and_settings(tmp_path):
    (text,) = re.findall(r"```yaml\n(apiVersion: kustomize.*?)```", PAGE, re.DOTALL)
    folder = copy_deploy(tmp_path) / "overlays/ours"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(text)
    (folder / "SHA256SUMS").write_text("0" * 64 + "  model_index.json\n")
    (folder / "darkroom-server.toml").write_text("max-batch-size = 4\n")
    objects = kustomize(folder)
    spec = pod(objects)["spec"]
    images = {part["image"] for part in containers(spec)}
    assert images == {f"registry.example/darkroom:{version()}-cuda"}
    data = {found["metadata"]["name"]: found["data"] for found in of_kind(objects, "ConfigMap")}
    mounted = {
        volume["name"]: data[volume["configMap"]["name"]]
        for volume in spec["volumes"]
        if "configMap" in volume
    }
    assert mounted["config"] == {"darkroom-server.toml": "max-batch-size = 4\n"}
    assert list(mounted["weights-sums"]) == ["SHA256SUMS"]
    for name in data.keys() - {"darkroom-dashboard"}:
        assert re.fullmatch(r"darkroom-(config|weights)-\w{10}", name)


def selectors(objects):
    """(what selects, its labels) of all that pick pods by labels."""
    for found in objects:
        spec, kind = found.get("spec", {}), found["kind"]
        if kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
            yield kind, spec["selector"]["matchLabels"]
        if kind == "Service":
            yield kind, spec["selector"]
        if kind == "NetworkPolicy":
            yield kind, spec["podSelector"]["matchLabels"]
    for spread in pod(objects)["spec"]["topologySpreadConstraints"]:
        yield "topologySpreadConstraints", spread["labelSelector"]["matchLabels"]


@each_overlay
def test_selectors_find_the_pods(name):
    found = list(selectors(overlay(name)))
    assert {"PodDisruptionBudget", "NetworkPolicy", "topologySpreadConstraints"} <= {
        kind for kind, _ in found
    }
    labels = pod(overlay(name))["metadata"]["labels"]
    for kind, wanted in found:
        assert wanted and wanted.items() <= labels.items(), kind


@each_overlay
def test_ports_are_those_of_the_container(name):
    ports = {port["name"]: port["containerPort"] for port in server(overlay(name))["ports"]}
    for service in of_kind(overlay(name), "Service"):
        assert service["spec"]["clusterIP"] == "None"  # Callers see every pod.
        assert [port["targetPort"] for port in service["spec"]["ports"]] == ["grpc"]
        assert ports["grpc"] == service["spec"]["ports"][0]["port"] == 50051
    for monitor in of_kind(overlay(name), "PodMonitor"):
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert ports[endpoint["port"]] == 9464
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert server(overlay(name))[probe]["grpc"]["port"] in ports.values()


def test_a_changed_setting_changes_the_pods(tmp_path):
    before = pod(overlay("prod"))["spec"]["volumes"]
    root = copy_deploy(tmp_path)
    file = root / "namespace/darkroom-server.toml"
    file.write_text(file.read_text() + "\nmax-batch-size = 4\n")
    for name in ("prod", "kserve"):
        objects = kustomize(root / "overlays" / name)
        (config,) = [
            found
            for found in of_kind(objects, "ConfigMap")
            if found["metadata"]["name"].startswith("darkroom-config-")
        ]
        volumes = pod(objects)["spec"]["volumes"]
        assert {"name": "config", "configMap": {"name": config["metadata"]["name"]}} in volumes
        assert not [volume for volume in before if volume in volumes and volume["name"] == "config"]


def test_files_that_settings_name_are_what_the_page_asks_for():
    container, keys = server(overlay("prod")), provided()
    volumes = {volume["name"]: volume for volume in pod(overlay("prod"))["spec"]["volumes"]}
    named = {value for value in environment(container).values() if "/run/secrets/" in str(value)}
    expected = set()
    for mount in container["volumeMounts"]:
        if secret := volumes[mount["name"]].get("secret"):
            files = keys["Secret", secret["secretName"]]
            expected |= {f"{mount['mountPath']}/{file}" for file in files}
    assert named == expected and len(named) == 4
