"""What Kubernetes starts, probes and stops has the settings, names and times for it."""

import copy
import functools
import json
import re
import subprocess
import tomllib

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from certificates import Authority
from kustomize import OVERLAYS, environment, of_kind, only, overlay, pod, server
from live_server import LiveServer, clean_environment, program
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(120)
each_overlay = pytest.mark.parametrize("name", OVERLAYS)
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
READY, ALIVE = "darkroom.v1.ImageGenerationService", "liveness"


@functools.cache
def printed_settings():
    """{key: default} of `darkroom-server --print-config`, which has them as comments."""
    done = subprocess.run(
        [program("darkroom-server"), "--print-config"],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    )
    keys = re.sub(r"^#(?=[\w-]+ = )", "", done.stdout, flags=re.MULTILINE)
    return tomllib.loads(keys)


def config_file(objects):
    data = [found["data"] for found in of_kind(objects, "ConfigMap")]
    (text,) = [files["darkroom-server.toml"] for files in data if "darkroom-server.toml" in files]
    return text


def settings(objects):
    """What the server runs with: flags before environment before file before defaults."""
    container = server(objects)
    found = {**printed_settings(), **tomllib.loads(config_file(objects))}
    for name, value in environment(container).items():
        if name.startswith("DARKROOM_"):
            key = name.removeprefix("DARKROOM_").lower().replace("_", "-")
            assert key in found, f"{name} is no setting"
            found[key] = value
    arguments = container["args"]
    for flag, value in zip(arguments[::2], arguments[1::2], strict=True):
        assert flag == "--config" or flag.removeprefix("--") in found, f"{flag} is no setting"
        found[flag.removeprefix("--")] = value
    return found


def seconds(duration):
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    parts = re.findall(r"([\d.]+)(ms|s|m|h)", duration)
    assert "".join(number + unit for number, unit in parts) == duration
    return sum(float(number) * units[unit] for number, unit in parts)


@each_overlay
def test_every_setting_exists(name):
    unknown = set(tomllib.loads(config_file(overlay(name)))) - set(printed_settings())
    assert not unknown
    assert settings(overlay(name))["config"].startswith("/etc/darkroom/")


def local_copy(objects, folder):
    """The pod's files below a folder, with stand-ins for what a deployer provides."""
    authority = Authority("callers")
    pair = authority.issue("darkroom")
    secrets = {
        "tls.crt": pair.certificate,
        "tls.key": pair.key,
        "ca.crt": authority.certificate,
        "tokens": b"web-shop 9f2c41d07ab34e6f8d15\n",
    }
    for file in (value for value in environment(server(objects)).values() if value):
        if file.startswith("/run/secrets/"):
            path = folder / file.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(secrets[path.name])
    (folder / "etc/darkroom").mkdir(parents=True)
    (folder / "etc/darkroom/darkroom-server.toml").write_text(config_file(objects))
    for mount in ("models/sdxl", "mnt/models"):
        (folder / mount).parent.mkdir(exist_ok=True)
        (folder / mount).symlink_to(REPOSITORY / "models/emoji")


def local(value, folder):
    return re.sub(r"^/(?=etc/|run/|models/|mnt/)", f"{folder}/", value)


def local_command(objects, folder):
    """Arguments and environment of the pod's server, as they are on this machine."""
    local_copy(objects, folder)
    container = server(objects)
    values = {key: value for key, value in environment(container).items() if value}
    variables = {key: local(value, folder) for key, value in values.items()}
    (threads,) = [entry for entry in container["env"] if entry["name"] == "DARKROOM_THREADS"]
    assert threads["valueFrom"]["resourceFieldRef"]["resource"] == "requests.cpu"
    variables["DARKROOM_THREADS"] = container["resources"]["requests"]["cpu"]
    return [local(word, folder) for word in container["args"]], variables


@each_overlay
def test_the_server_takes_its_settings(name, tmp_path):
    arguments, variables = local_command(overlay(name), tmp_path)
    done = subprocess.run(
        [program("darkroom-server"), *arguments, "--check-config"],
        env=clean_environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def patience(probe):
    return probe["periodSeconds"] * probe["failureThreshold"]


def time_faults(objects):
    """Which of the times that hang together do not."""
    found, container = settings(objects), server(objects)
    lame_duck, drain = seconds(found["lame-duck"]), seconds(found["drain-timeout"])
    start, ready, alive = (container[probe] for probe in PROBES)
    # Finish, then slow readers, each within the drain timeout; and room to exit.
    grace = pod(objects)["spec"]["terminationGracePeriodSeconds"]
    faults = ["grace"] if grace < lame_duck + 2 * drain + 15 else []
    if patience(ready) + ready["timeoutSeconds"] >= lame_duck:
        faults.append("lame duck")
    if patience(start) < 600:
        faults.append("start")
    if patience(alive) < 3 * patience(ready):
        faults.append("liveness")
    if any(probe["timeoutSeconds"] >= probe["periodSeconds"] for probe in (start, ready, alive)):
        faults.append("timeout")
    if "preStop" in container.get("lifecycle", {}):  # The lame duck is that wait.
        faults.append("preStop")
    for deployment in of_kind(objects, "Deployment"):
        if deployment["spec"]["progressDeadlineSeconds"] <= patience(start):
            faults.append("progress")
    return faults


@each_overlay
def test_times_add_up(name):
    assert time_faults(overlay(name)) == []


def set_setting(key, value):
    def change(objects):
        for found in of_kind(objects, "ConfigMap"):
            if text := found["data"].get("darkroom-server.toml"):
                text = re.sub(rf"^{key} = .*$", f"{key} = {json.dumps(value)}", text, flags=re.M)
                found["data"]["darkroom-server.toml"] = text

    return change


def set_variable(name, value):
    return lambda objects: server(objects)["env"].append({"name": name, "value": value})


def set_probe(probe, **fields):
    return lambda objects: server(objects)[probe].update(fields)


def set_pod(**fields):
    return lambda objects: pod(objects)["spec"].update(fields)


@pytest.mark.parametrize(
    "change, fault",
    [
        (set_setting("drain-timeout", "2m1s"), "grace"),
        (set_variable("DARKROOM_DRAIN_TIMEOUT", "5m"), "grace"),
        (set_pod(terminationGracePeriodSeconds=269), "grace"),
        (set_setting("lame-duck", "12s"), "lame duck"),
        (set_probe("readinessProbe", failureThreshold=3), "lame duck"),
        (set_probe("startupProbe", failureThreshold=119), "start"),
        (set_probe("startupProbe", failureThreshold=180), "progress"),
        (set_probe("livenessProbe", failureThreshold=2), "liveness"),
        (set_probe("livenessProbe", timeoutSeconds=10), "timeout"),
    ],
)
def test_times_that_do_not_add_up_are_found(change, fault):
    objects = copy.deepcopy(overlay("dev-cpu"))
    change(objects)
    assert time_faults(objects) == [fault]


@each_overlay
def test_neither_a_rollout_nor_a_node_drain_takes_a_server_that_is_not_replaced(name):
    if deployments := of_kind(overlay(name), "Deployment"):
        strategy = deployments[0]["spec"]["strategy"]
    else:
        predictor = only(overlay(name), "InferenceService")["spec"]["predictor"]
        strategy = predictor["deploymentStrategy"]
    assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert only(overlay(name), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


@each_overlay
def test_probes_use_the_port_without_tls(name):
    container, found = server(overlay(name)), settings(overlay(name))
    expected = found["health-listen"] if found["tls-cert"] else found["listen"]
    for probe in PROBES:
        assert f"0.0.0.0:{container[probe]['grpc']['port']}" == expected


@each_overlay
def test_the_server_listens_on_the_pods_ports_and_no_others(name):
    found = settings(overlay(name))
    listens = [found[key] for key in ("listen", "metrics-listen", "health-listen") if found[key]]
    ports = [port["containerPort"] for port in server(overlay(name))["ports"]]
    assert sorted(listens) == sorted(f"0.0.0.0:{port}" for port in ports)


@pytest.mark.parametrize("name", ["dev-cpu", "mtls"])
def test_a_server_with_these_settings_answers_its_probes(name, tmp_path):
    container = server(overlay(name))
    arguments, variables = local_command(overlay(name), tmp_path)
    if health := variables.pop("DARKROOM_HEALTH_LISTEN", None):
        arguments += ["--health-listen", "127.0.0.1:0"]
    with LiveServer(*arguments, environment=variables) as live:
        address = live.health_address if health else live.address
        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            for probe in PROBES:
                service = container[probe]["grpc"]["service"]
                assert service == (ALIVE if probe == "livenessProbe" else READY)
                reply = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
                assert reply.status == health_pb2.HealthCheckResponse.SERVING
