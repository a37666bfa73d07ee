"""darkroom-server's flags, environment and exit codes."""

import contextlib
import os
import random
import socket
import subprocess
import tomllib

import pytest

from live_server import LiveServer, clean_environment, program
from pictures import raw_request

pytestmark = pytest.mark.timeout(120)

FAILED, USAGE, NO_MODEL = 1, 2, 3


def run(*flags, environment=None):
    """Runs a server that is to end by itself."""
    ports = ["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
    names = {flag.partition("=")[0] for flag in flags}
    for name, port in zip(ports[::2], ports[1::2], strict=True):
        flags = flags if name in names else (name, port, *flags)
    return subprocess.run(
        [str(program("darkroom-server")), *flags],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(environment),
        check=False,
    )


def assert_ends(ended, code, *named):
    assert ended.returncode == code, ended.stderr
    assert "ready on" not in ended.stdout
    for text in named:
        assert text in ended.stderr


@contextlib.contextmanager
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("flag", ["--listen", "--metrics-listen"])
def test_port_in_use_ends_with_1_and_names_it(flag):
    with taken_port() as port:
        assert_ends(run(flag, f"127.0.0.1:{port}"), FAILED, str(port))


def test_port_of_another_darkroom_ends_with_1():
    with LiveServer() as live:
        assert_ends(run("--listen", live.address), FAILED, live.address)


@pytest.mark.parametrize(
    "flags, named",
    [
        (["--batch-widow", "10ms"], "did you mean --batch-window?"),
        (["--config", "/no/such/file"], "/no/such/file"),
        (["--tls-cert", "/no/such/file"], "/no/such/file"),
        (["--max-connection-age", "0s"], "--max-connection-age"),
        (["--batch-window", "banana"], "--batch-window"),
        (["--batch-window", "10"], "--batch-window"),
        (["--batch-window", "-1s"], "--batch-window"),
        (["--batch-window", "inf"], "--batch-window"),
        (["--max-batch-size", "0"], "--max-batch-size"),
        (["--max-batch-size", "-1"], "--max-batch-size"),
        (["--max-batch-size", "8x"], "--max-batch-size"),
        (["--max-queued-images", "0"], "--max-queued-images"),
        (["--max-queued-pixels", "99999999999999999999"], "--max-queued-pixels"),
        (["--max-images-per-request", "0"], "--max-images-per-request"),
        (["--log-level", "loud"], "--log-level"),
        (["--batching", "sometimes"], "--batching"),
        (["--determinism", "pixels"], "--determinism"),
        (["--dtype", "float64"], "--dtype"),
        (["stray"], "stray"),
    ],
    ids=" ".join,
)
def test_bad_flag_ends_with_2_and_is_named(flags, named):
    assert_ends(run(*flags), USAGE, named)


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl"), reason="there is a GPU")
def test_a_gpu_that_is_not_there_ends_with_3_and_is_named():
    assert_ends(run("--device", "cuda"), NO_MODEL, "GPU")


def test_missing_model_ends_with_3_and_names_it(tmp_path):
    folder = str(tmp_path / "absent")
    assert_ends(run("--model", folder), NO_MODEL, folder)


def test_folder_without_a_model_ends_with_3_and_names_it(tmp_path):
    assert_ends(run("--model", str(tmp_path)), NO_MODEL, str(tmp_path))


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_questions_are_answered_on_standard_output(flag):
    ended = run(flag)
    assert ended.returncode == 0
    assert ended.stdout.strip()


def test_environment_sets_what_no_flag_sets():
    environment = {"DARKROOM_MAX_QUEUED_IMAGES": "7", "DARKROOM_MAX_BATCH_SIZE": "1"}
    with LiveServer(environment=environment) as live:
        assert live.metric("darkroom_queue_limit") == 7
        request = raw_request(num_images=3, num_inference_steps=1)
        assert live.stub.GenerateImages(request, timeout=60).stats.batch_sizes.max == 1


def test_flags_win_over_the_environment():
    environment = {
        "DARKROOM_MAX_QUEUED_IMAGES": "7",
        "DARKROOM_MAX_BATCH_SIZE": "1",
        "DARKROOM_BATCH_WINDOW": "0s",
    }
    flags = ["--max-queued-images", "9", "--max-batch-size", "3", "--batch-window", "60s"]
    with LiveServer(*flags, environment=environment) as live:
        assert live.metric("darkroom_queue_limit") == 9
        request = raw_request(num_images=3, num_inference_steps=1)
        assert live.stub.GenerateImages(request, timeout=30).stats.batch_sizes.max == 3


def test_environment_wins_over_the_file(tmp_path):
    config = tmp_path / "darkroom.toml"
    config.write_text("max-queued-images = 5\nmax-batch-size = 1\n")
    environment = {"DARKROOM_CONFIG": str(config), "DARKROOM_MAX_QUEUED_IMAGES": "7"}
    with LiveServer(environment=environment) as live:
        assert live.metric("darkroom_queue_limit") == 7
        request = raw_request(num_images=3, num_inference_steps=1)
        assert live.stub.GenerateImages(request, timeout=60).stats.batch_sizes.max == 1


def test_bad_file_ends_with_2_and_its_line_is_named(tmp_path):
    config = tmp_path / "darkroom.toml"
    config.write_text("threads = 1\nbatch_window = '1s'\n")
    named = [f"{config}:2: ", "did you mean batch-window?"]
    assert_ends(run("--config", str(config)), USAGE, *named)
    assert_ends(run(environment={"DARKROOM_CONFIG": str(config)}), USAGE, *named)


def test_file_that_may_not_be_read_ends_with_2(tmp_path):
    config = tmp_path / "darkroom.toml"
    config.write_text("")
    config.chmod(0)
    if os.access(config, os.R_OK):
        pytest.skip("root reads everything")
    assert_ends(run("--config", str(config)), USAGE, str(config), "Permission denied")


def test_checked_configuration_is_said_to_be_valid_and_nothing_is_served(tmp_path):
    ended = run("--check-config")
    assert (ended.returncode, ended.stdout) == (0, "configuration is valid\n")
    assert_ends(run("--check-config", "--model", str(tmp_path)), USAGE, str(tmp_path))


def test_printed_configuration_is_toml_of_what_was_set():
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    draw = random.Random(seed)
    path = "".join(draw.choices("ab/ #='\"\\[],é猫\u2028", k=40))
    settings = {
        "model": path,
        "listen": [f"h:{draw.randrange(65536)}", f"[::1]:{draw.randrange(65536)}"],
        "metrics-listen": "127.0.0.1:0",
        "max-queued-pixels": draw.randrange(1, 2**50),
        "batch-window": f"{draw.randrange(1, 1000)}ms",
        "log-prompts": draw.choice([True, False]),
    }
    flags = []
    for name, value in settings.items():
        for text in value if isinstance(value, list) else [value]:
            flags.append(f"--{name}={str(text).lower() if isinstance(text, bool) else text}")
    ended = run("--print-config", *flags)
    assert ended.returncode == 0, ended.stderr
    assert tomllib.loads(ended.stdout) == settings


def test_bad_environment_ends_with_2_and_is_named():
    ended = run(environment={"DARKROOM_MAX_BATCH_SIZE": "many"})
    assert_ends(ended, USAGE, "DARKROOM_MAX_BATCH_SIZE")


def test_image_limit_is_the_flags():
    with LiveServer("--max-images-per-request", "20", "--batch-window", "0s") as live:
        request = raw_request(num_images=20, num_inference_steps=1)
        assert len(live.stub.GenerateImages(request, timeout=60).images) == 20
