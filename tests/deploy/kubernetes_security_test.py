"""Pods have what they need and no more: `restricted`, secrets as files, a closed net."""

import copy

import pytest

from kustomize import OVERLAYS, of_kind, only, overlay, pod, server

pytestmark = pytest.mark.timeout(120)
each_overlay = pytest.mark.parametrize("name", OVERLAYS)
# The volume types that `restricted` allows.
VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim"}
VOLUMES |= {"projected", "secret"}


def violations(spec):
    """What a pod's spec breaks of Kubernetes' standard `restricted`, and of our own rules."""
    host = ("hostNetwork", "hostPID", "hostIPC")
    broken = [f"{field} is set" for field in host if spec.get(field)]
    for volume in spec.get("volumes", []):
        broken += [f"volume type {kind}" for kind in set(volume) - VOLUMES - {"name"}]
    context = spec.get("securityContext", {})
    if context.get("sysctls"):
        broken.append("sysctls")
    if spec.get("automountServiceAccountToken") is not False:
        broken.append("a service account token")
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        broken += container_violations(container, context)
    return broken


def container_violations(container, pod_context):
    own = container.get("securityContext", {})
    effective = {**pod_context, **own}
    broken = []
    if own.get("privileged"):
        broken.append("privileged")
    if own.get("allowPrivilegeEscalation") is not False:
        broken.append("allowPrivilegeEscalation")
    if own.get("capabilities", {}).get("drop") != ["ALL"]:
        broken.append("capabilities are not dropped")
    if set(own.get("capabilities", {}).get("add", [])):
        broken.append("capabilities are added")
    if effective.get("runAsNonRoot") is not True:
        broken.append("runAsNonRoot")
    if effective.get("runAsUser") != 10001 or effective.get("runAsGroup") != 10001:
        broken.append("user or group")
    if effective.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        broken.append("seccompProfile")
    if own.get("readOnlyRootFilesystem") is not True:
        broken.append("readOnlyRootFilesystem")
    if any("hostPort" in port for port in container.get("ports", [])):
        broken.append("hostPort")
    return broken


@each_overlay
def test_pods_pass_what_their_namespace_enforces(name):
    labels = only(overlay(name), "Namespace")["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
    assert violations(pod(overlay(name))["spec"]) == []


def loosened(change):
    spec = copy.deepcopy(pod(overlay("prod"))["spec"])
    change(spec, spec["containers"][0], spec["initContainers"][0])
    return violations(spec)


@pytest.mark.parametrize(
    "change",
    [
        lambda spec, main, init: spec.update(hostNetwork=True),
        lambda spec, main, init: spec.pop("automountServiceAccountToken"),
        lambda spec, main, init: spec["volumes"].append({"name": "host", "hostPath": {}}),
        lambda spec, main, init: spec["securityContext"].pop("seccompProfile"),
        lambda spec, main, init: spec["securityContext"].update(runAsUser=0),
        lambda spec, main, init: spec["securityContext"].pop("runAsNonRoot"),
        lambda spec, main, init: main["securityContext"].update(runAsNonRoot=False),
        lambda spec, main, init: main.pop("securityContext"),
        lambda spec, main, init: main["ports"][0].update(hostPort=50051),
        lambda spec, main, init: init["securityContext"].pop("allowPrivilegeEscalation"),
        lambda spec, main, init: init["securityContext"].pop("readOnlyRootFilesystem"),
        lambda spec, main, init: init["securityContext"]["capabilities"].update(drop=["NET_RAW"]),
        lambda spec, main, init: init["securityContext"]["capabilities"].update(add=["SYS_ADMIN"]),
    ],
)
def test_a_loosened_pod_is_found(change):
    assert loosened(change)


@each_overlay
def test_no_secret_is_in_the_environment_or_in_a_config_map(name):
    for container in pod(overlay(name))["spec"]["containers"]:
        assert "envFrom" not in container
        for entry in container["env"]:
            assert "secretKeyRef" not in entry.get("valueFrom", {})
    assert not of_kind(overlay(name), "Secret")  # Those are the deployer's.


@each_overlay
def test_secrets_are_read_only_files_for_the_servers_group(name):
    spec = pod(overlay(name))["spec"]
    secrets = {volume["name"]: volume["secret"] for volume in spec["volumes"] if "secret" in volume}
    for secret in secrets.values():
        assert secret["defaultMode"] == 0o440 and spec["securityContext"]["fsGroup"] == 10001
    for mount in server(overlay(name))["volumeMounts"]:
        writable = {volume["name"] for volume in spec["volumes"] if "emptyDir" in volume}
        assert mount["name"] in writable or mount["readOnly"] is True


@each_overlay
def test_no_service_puts_its_address_among_the_settings(name):
    assert pod(overlay(name))["spec"]["enableServiceLinks"] is False


@each_overlay
def test_the_net_is_closed_but_for_calls_and_scrapes(name):
    spec = only(overlay(name), "NetworkPolicy")["spec"]
    assert sorted(spec["policyTypes"]) == ["Egress", "Ingress"] and spec["egress"] == []
    calls, scrapes = spec["ingress"]
    assert calls["from"] == [{"namespaceSelector": {"matchLabels": {"darkroom-client": "true"}}}]
    (source,) = scrapes["from"]
    assert source["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "monitoring"
    }
    open_ports = [port["port"] for rule in (calls, scrapes) for port in rule["ports"]]
    assert open_ports == [50051, 9464]
    assert set(open_ports) <= {port["containerPort"] for port in server(overlay(name))["ports"]}


@each_overlay
def test_memory_is_bounded_and_the_cpu_is_not(name):
    spec = pod(overlay(name))["spec"]
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        assert "cpu" in container["resources"]["requests"]
        assert "memory" in container["resources"]["limits"]
        assert "cpu" not in container["resources"]["limits"]


@pytest.mark.parametrize("name", ["gpu", "prod", "kserve"])
def test_a_server_on_a_gpu_has_one(name):
    container = server(overlay(name))
    assert {"name": "DARKROOM_DEVICE", "value": "cuda"} in container["env"]
    requests, limits = container["resources"]["requests"], container["resources"]["limits"]
    assert requests["nvidia.com/gpu"] == limits["nvidia.com/gpu"] == "1"
    assert requests["memory"] == limits["memory"]
    (toleration,) = pod(overlay(name))["spec"]["tolerations"]
    assert toleration == {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}


@pytest.mark.parametrize("name", sorted(set(OVERLAYS) - {"gpu", "prod", "kserve"}))
def test_a_server_without_a_gpu_asks_for_none(name):
    container = server(overlay(name))
    assert "nvidia.com/gpu" not in container["resources"]["limits"]
    assert "DARKROOM_DEVICE" not in {entry["name"] for entry in container["env"]}
