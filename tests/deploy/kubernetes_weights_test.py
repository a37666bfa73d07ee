"""The init container lets a server start with the weights that were listed, and with no others."""

import os
import pathlib
import re
import subprocess

import pytest

from kustomize import environment, overlay, pod, server
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(120)


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
    assert environment(server(overlay("prod")))["DARKROOM_MODEL"] == container["workingDir"]
    mounts = server(overlay("prod"))["volumeMounts"]
    (models,) = [mount["mountPath"] for mount in mounts if mount["name"] == "models"]
    assert pathlib.Path(container["workingDir"]).is_relative_to(models)
