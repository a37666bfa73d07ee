"""What Kubernetes starts, probes and stops has the settings, names and times for it."""

import functools
import os
import pathlib
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
    if "cuda" not in help_on_device():
        variables.pop("DARKROOM_DEVICE", None)  # A build for CPUs takes the rest all the same.
    return [local(word, folder) for word in container["args"]], variables


@functools.cache
def help_on_device():
    done = subprocess.run(
        [program("darkroom-server"), "--help"], capture_output=True, text=True, check=True
    )
    return re.search(r"--device .*?\n *--", done.stdout, re.DOTALL)[0]


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


@each_overlay
def test_the_grace_covers_the_drain(name):
    found = settings(overlay(name))
    lame_duck, drain = seconds(found["lame-duck"]), seconds(found["drain-timeout"])
    # Finish, then slow readers, each within the drain timeout; and room to exit.
    grace = pod(overlay(name))["spec"]["terminationGracePeriodSeconds"]
    assert grace >= lame_duck + 2 * drain + 15
    # The lame duck is that wait.
    assert "preStop" not in server(overlay(name)).get("lifecycle", {})


@each_overlay
def test_the_lame_duck_outlasts_readiness(name):
    probe = server(overlay(name))["readinessProbe"]
    noticed = probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    assert noticed < seconds(settings(overlay(name))["lame-duck"])


@each_overlay
def test_a_start_has_ten_minutes_and_a_rollout_waits_longer(name):
    probe = server(overlay(name))["startupProbe"]
    patience = probe["periodSeconds"] * probe["failureThreshold"]
    assert patience >= 600
    for deployment in of_kind(overlay(name), "Deployment"):
        assert deployment["spec"]["progressDeadlineSeconds"] > patience


@each_overlay
def test_liveness_is_more_patient_than_readiness(name):
    container = server(overlay(name))
    patience = {
        probe: container[probe]["periodSeconds"] * container[probe]["failureThreshold"]
        for probe in PROBES
    }
    assert patience["livenessProbe"] >= 3 * patience["readinessProbe"]
    for probe in PROBES:
        assert container[probe]["timeoutSeconds"] < container[probe]["periodSeconds"]


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
    expected = found["health-listen"] if found["tls-cert"] else found["listen"][0]
    for probe in PROBES:
        assert container[probe]["grpc"]["port"] == int(expected.rpartition(":")[2])
    assert expected.startswith("0.0.0.0:")


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


@pytest.fixture
def weights(tmp_path):
    """A checkpoint folder, and its hashes made by the page's command."""
    folder = tmp_path / "sdxl"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}\n")
    (folder / "unet/diffusion_pytorch_model.safetensors").write_bytes(os.urandom(1 << 20))
    page = (REPOSITORY / "docs/kubernetes.md").read_text()
    (command,) = re.findall(r"^find \. .*SHA256SUMS$", page, re.MULTILINE)
    subprocess.run(["bash", "-euc", command], cwd=folder, check=True)
    (folder / "SHA256SUMS").rename(tmp_path / "SHA256SUMS")
    return folder


def verify(folder):
    """Runs the init container's own command; returns its exit code."""
    (container,) = pod(overlay("prod"))["spec"]["initContainers"]
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    assert container["workingDir"].startswith(mounts["models"]["mountPath"])
    sums = mounts["weights-sums"]["mountPath"]
    command = [word.replace(sums, str(folder.parent)) for word in container["command"]]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode


def test_whole_weights_pass(weights):
    assert verify(weights) == 0


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "model_index.json").write_text("{ }\n"),
        lambda folder: flip_a_bit(folder / "unet/diffusion_pytorch_model.safetensors"),
        lambda folder: os.truncate(folder / "unet/diffusion_pytorch_model.safetensors", 1000),
        lambda folder: (folder / "model_index.json").unlink(),
        lambda folder: (folder.parent / "SHA256SUMS").write_text("not a hash\n"),
        lambda folder: (folder.parent / "SHA256SUMS").write_text(""),
    ],
    ids=["changed", "bit", "cut", "missing", "malformed list", "empty list"],
)
def test_damaged_weights_do_not_start(weights, damage):
    damage(weights)
    assert verify(weights) != 0


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_the_server_loads_what_was_verified():
    (container,) = pod(overlay("prod"))["spec"]["initContainers"]
    assert settings(overlay("prod"))["model"] == container["workingDir"]
    mounts = server(overlay("prod"))["volumeMounts"]
    (models,) = [mount["mountPath"] for mount in mounts if mount["name"] == "models"]
    assert pathlib.Path(container["workingDir"]).is_relative_to(models)
