"""What `make install` copies runs where it lands, and needs nothing of the build."""

import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

from live_server import LiveServer, program
from pictures import pixels_of, raw_request

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def prefix():
    """Half a gigabyte, so it does not stay as pytest's own folders do."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="darkroom-installed-"))
    build = program("").parent
    subprocess.run(
        ["cmake", "--install", build, "--prefix", folder], check=True, stdout=subprocess.DEVNULL
    )
    yield folder
    shutil.rmtree(folder)


def test_installed_server_finds_its_model(prefix, monkeypatch):
    monkeypatch.setenv("DARKROOM_BIN", str(prefix / "bin"))
    with LiveServer() as server:
        assert server.model_id == "emoji"
        reply = server.stub.GenerateImages(raw_request(prompt="a red apple", seed=7), timeout=60)
        assert pixels_of(reply.images[0]).shape == (64, 64, 3)


def test_libraries_are_the_systems_or_installed_beside_it(prefix):
    shown = subprocess.check_output(["ldd", prefix / "bin/darkroom-server"], text=True)
    assert "not found" not in shown
    paths = [pathlib.Path(path).resolve() for path in re.findall(r"=> (/\S+)", shown)]
    own = {path.name for path in paths if path.is_relative_to(prefix)}
    assert own == {path.name for path in (prefix / "lib/darkroom").iterdir()}
    assert "libtorch_cpu.so" in own
    for path in paths:
        assert path.is_relative_to(prefix) or path.is_relative_to("/usr/lib"), path


@pytest.fixture(scope="module")
def prefix_with_cuda(prefix):
    """`prefix` with what `make install-cuda` adds, in the end: its gigabytes go with it."""
    build = program("").parent
    command = ["cmake", "--install", build, "--prefix", prefix, "--component", "cuda"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return prefix


def test_installed_client_says_what_it_is(prefix):
    shown = subprocess.check_output([prefix / "bin/darkroom", "--version"], text=True)
    assert "darkroom" in shown


@pytest.mark.timeout(600)
def test_installed_server_loads_what_it_has_for_gpus(prefix_with_cuda):
    """All of it: only then does it see which the machine has."""
    libraries = prefix_with_cuda / "lib/darkroom"
    shown = subprocess.check_output(["ldd", libraries / "libdarkroom_cuda.so"], text=True)
    assert "not found" not in shown
    paths = [pathlib.Path(path).resolve() for path in re.findall(r"=> (/\S+)", shown)]
    assert {"libtorch_cuda.so", "libcudnn.so.9"} <= {path.name for path in paths}
    for path in paths:
        assert path.is_relative_to(prefix_with_cuda) or path.is_relative_to("/usr/lib"), path
    command = [prefix_with_cuda / "bin/darkroom-server", "--device", "cuda:15"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 3
    assert re.search("LibTorch finds no GPU on this machine|there is no GPU 15", done.stderr)
