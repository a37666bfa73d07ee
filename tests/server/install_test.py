"""What `make install` copies runs where it lands."""

import subprocess

import pytest

from live_server import LiveServer, program
from pictures import pixels_of, raw_request

pytestmark = pytest.mark.timeout(120)


def test_installed_server_finds_its_libraries_and_its_model(tmp_path, monkeypatch):
    build = program("").parent
    subprocess.run(
        ["cmake", "--install", str(build), "--prefix", str(tmp_path)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    monkeypatch.setenv("DARKROOM_BIN", str(tmp_path / "bin"))
    with LiveServer() as server:
        assert server.model_id == "emoji"
        reply = server.stub.GenerateImages(raw_request(prompt="a red apple", seed=7), timeout=60)
        assert pixels_of(reply.images[0]).shape == (64, 64, 3)
    shown = subprocess.run(
        [str(tmp_path / "bin" / "darkroom"), "--version"], check=True, capture_output=True, text=True
    )
    assert "darkroom" in shown.stdout
