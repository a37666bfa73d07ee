"""`darkroom bench` against a real server: its counts are the server's, its schedule its seed's."""

import collections
import json
import pathlib
import signal
import subprocess
import xml.etree.ElementTree

import pytest

from client_command import NOBODY, client_command, run_client
from live_server import LiveServer, clean_environment, wait_for_live_calls, wait_until
from protos import REPOSITORY

pytestmark = pytest.mark.timeout(240)

EXAMPLE = REPOSITORY / "examples/bench-mix.json"
# A server that makes one image and lets one wait.
NARROW = ("--max-batch-size", 1, "--max-queued-images", 1, "--max-images-per-request", 1)
TIMES = {"count", "mean", "p50", "p90", "p95", "p99", "p99.9", "max"}


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


def quick_mix(folder, **keys):
    """A mix that any machine keeps up with."""
    path = folder / "quick.json"
    kind = {"name": "quick", "steps": 1, "guidance": 1, "format": "raw", **keys}
    path.write_text(json.dumps({"kinds": [kind]}))
    return path


def answered(server):
    """Calls by code, as the server's metrics have them."""
    counts = collections.Counter()
    for (name, labels), value in server.metrics().items():
        if name == "darkroom_requests_total" and value:
            counts[dict(labels)["code"]] += int(value)
    return counts


def counts_of(report):
    counts = collections.Counter()
    for answer in report["answers"]:
        counts[answer["code"]] += answer["count"]
    return counts


def bench_json(address, *arguments):
    done = run_client(address, "bench", "--json", "-", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def schedule(*arguments):
    done = run_client(NOBODY, "bench", "--dry-run", *arguments)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_counts_are_those_of_the_servers_metrics(server, tmp_path):
    before = answered(server)
    flags = ["--rate", 10, "--duration", "3s", "--mix", quick_mix(tmp_path), "--no-retries"]
    report = bench_json(server.address, *flags)
    wait_until(lambda: sum((answered(server) - before).values()) == report["requests"]["sent"], "all")
    assert answered(server) - before == counts_of(report)
    requests = report["requests"]
    assert requests["arrived"] == len(schedule(*flags)) > 0
    assert requests["dropped"] == requests["unsent"] == 0
    assert report["images"] == counts_of(report)["OK"] == report["latency_seconds"]["count"]


def test_what_the_server_refuses_is_counted_with_its_reason(tmp_path):
    with LiveServer(*NARROW) as live:
        mix = quick_mix(tmp_path, steps=40)
        flags = ["--rate", 50, "--duration", "1s", "--mix", mix, "--no-retries"]
        report = bench_json(live.address, *flags)
        wait_until(lambda: sum(answered(live).values()) == report["requests"]["sent"], "all ended")
        assert answered(live) == counts_of(report)
    refused = [answer for answer in report["answers"] if answer["code"] != "OK"]
    assert [(answer["code"], answer["reason"]) for answer in refused] == [
        ("RESOURCE_EXHAUSTED", "QUEUE_FULL")
    ]
    assert refused[0]["count"] > 0


def test_retries_are_the_channels_and_not_counted(tmp_path):
    with LiveServer(*NARROW) as live:
        mix = quick_mix(tmp_path, steps=40)
        report = bench_json(live.address, "--rate", 50, "--duration", "1s", "--mix", mix)
        sent = report["requests"]["sent"]
        assert sum(counts_of(report).values()) == sent < sum(answered(live).values())


def test_json_has_every_figure(server, tmp_path):
    flags = ["--rate", 3, "--duration", "2s", "--warmup", "1s", "--seed", 9, "--deadline", "0s"]
    report = bench_json(server.address, *flags, "--mix", EXAMPLE)
    assert report["settings"] == {
        "server": server.address,
        "rate": 3,
        "duration_seconds": 2,
        "warmup_seconds": 1,
        "deadline_seconds": None,
        "seed": 9,
        "max_in_flight": 1000,
        "retries": True,
        "mix": {
            "name": str(EXAMPLE),
            "kinds": [
                {"name": "preview", "weight": 6},
                {"name": "picture", "weight": 3},
                {"name": "catalogue", "weight": 1},
            ],
        },
    }
    assert report["model"]["id"] == "emoji"
    assert report["interrupted"] is False
    for times in ("latency_seconds", "queue_wait_seconds", "sent_late_seconds"):
        assert set(report[times]) == TIMES
        assert report[times]["p50"] <= report[times]["p90"] <= report[times]["max"]
    sizes = report["batch_sizes"]
    assert 1 <= sizes["min"] <= sizes["mean"] <= sizes["max"] <= 8
    assert report["images_per_second"] == pytest.approx(report["images"] / report["seconds"])
    assert report["goodput_images_per_second"] == report["images_per_second"]
    assert sum(kind["arrived"] for kind in report["kinds"]) == report["requests"]["arrived"]
    in_time = [line for line in schedule(*flags, "--mix", EXAMPLE) if line["at_seconds"] >= 1]
    assert report["requests"]["arrived"] == len(in_time)


def test_the_seed_decides_the_schedule():
    flags = ["--rate", 20, "--duration", "5s"]
    first = schedule(*flags, "--seed", 5)
    assert first == schedule(*flags, "--seed", 5)
    assert first != schedule(*flags, "--seed", 6)
    assert {line["kind"] for line in first} == {"draft", "picture", "detailed"}
    # Another mix comes at the same times.
    plain = schedule(*flags, "--seed", 5, "--mix", "plain")
    assert [line["at_seconds"] for line in plain] == [line["at_seconds"] for line in first]


def test_a_mixs_keys_arrive_in_the_requests():
    requests = {
        line["kind"]: line["request"]
        for line in schedule("--rate", 50, "--duration", "4s", "--mix", EXAMPLE)
    }
    assert set(requests) == {"preview", "picture", "catalogue"}
    catalogue = requests["catalogue"]
    assert catalogue.pop("seed")
    assert catalogue == {
        "prompt": "a penguin on a yellow background",
        "negative_prompt": "a dark background",
        "width": 64,
        "height": 64,
        "num_inference_steps": 30,
        "num_images": 4,
        "priority": "PRIORITY_LOW",
    }
    assert requests["preview"]["output"] == {"format": "IMAGE_FORMAT_WEBP"}


def test_files_are_written_beside_the_table(server, tmp_path):
    report, plot = tmp_path / "report.json", tmp_path / "plot.svg"
    flags = ["--rate", 10, "--duration", "1s", "--mix", quick_mix(tmp_path)]
    done = run_client(server.address, "bench", *flags, "--json", report, "--plot", plot)
    assert done.returncode == 0, done.stderr
    assert "throughput" in done.stdout and "p99.9" in done.stdout
    sent = json.loads(report.read_text())["requests"]["sent"]
    assert f"{sent} sent" in done.stdout
    drawing = xml.etree.ElementTree.parse(plot).getroot()
    words = [text.text for text in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert any(word.startswith("p50 ") for word in words)
    assert f"{sent} of {sent} OK" in " ".join(words)


def test_arrivals_beyond_the_bound_are_dropped_and_told(server, tmp_path):
    mix = quick_mix(tmp_path, steps=40)
    flags = ["--rate", 100, "--duration", "1s", "--max-in-flight", 1, "--mix", mix]
    report = bench_json(server.address, *flags)
    requests = report["requests"]
    assert requests["sent"] > 0 and requests["dropped"] > 0
    assert requests["sent"] + requests["dropped"] == requests["arrived"]
    assert sum(counts_of(report).values()) == requests["sent"]


def test_a_server_that_is_down_is_a_failure_without_a_report(tmp_path):
    done = run_client(NOBODY, "bench", "--rate", 1, "--duration", "5s", "--plot", tmp_path / "a.svg")
    assert (done.returncode, done.stdout) == (1, "")
    assert "UNAVAILABLE" in done.stderr and NOBODY in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_the_run_with_a_report(server, tmp_path):
    report, plot = tmp_path / "report.json", tmp_path / "plot.svg"
    mix = quick_mix(tmp_path, steps=150, images=16)
    # Without a deadline, or the server would refuse what it cannot do in time.
    flags = ["--rate", 5, "--duration", "1h", "--deadline", "0s", "--mix", mix]
    flags += ["--json", report, "--plot", plot]
    wait_for_live_calls(server, 0)
    running = subprocess.Popen(
        client_command(server.address, "bench", *flags),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    with running:
        wait_until(lambda: server.metric("darkroom_live_calls") >= 2, "two calls at the server", 60)
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "interrupted" in errors
    assert "unsent" in output
    figures = json.loads(report.read_text())
    assert figures["interrupted"] is True
    assert counts_of(figures)["CANCELLED"] >= 2
    assert figures["requests"]["unsent"] > 10_000
    assert pathlib.Path(plot).stat().st_size < 1 << 20
    wait_for_live_calls(server, 0, 60)


@pytest.mark.parametrize(
    "arguments, says",
    [
        ((), "--rate"),
        (("--rate", "0"), "--rate"),
        (("--rate", "1", "--duration", "5"), "--duration"),
        (("--rate", "1", "--mix", "nonesuch"), "--mix"),
        (("--rate", "0.001", "--duration", "1s"), "no request arrives"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_usage_exits_2_without_asking_the_server(arguments, says):
    done = run_client(NOBODY, "bench", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr


def test_a_bad_mix_is_refused_with_its_place(tmp_path):
    path = quick_mix(tmp_path, steps="many")
    done = run_client(NOBODY, "bench", "--rate", 1, "--mix", path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f'{path}: kinds[0].steps: "many" is not a whole number' in done.stderr
