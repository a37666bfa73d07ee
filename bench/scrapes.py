"""What scrapes cost: a server under load, left alone and scraped by many at once, in turns.

Every other round, 50 scrapers ask for /metrics in the same moment, again and again; the load is
`darkroom bench`, whose arrivals of a round are the same with and without. Latencies are taken over
all rounds of a kind.

    scrapes.py RESULT.md [--rate 2] [--rounds 4] [--seconds 40] [--every 5]
"""

import argparse
import concurrent.futures
import datetime
import http.client
import json
import platform
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_REPOSITORY / "tests" / "support"))

from client_command import client_command  # noqa: E402
from live_server import LiveServer, clean_environment  # noqa: E402

_SCRAPERS = 50


def scrape(address):
    """Seconds of one scrape on a connection of its own."""
    host, _, port = address.rpartition(":")
    begin = time.monotonic()
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    connection.request("GET", "/metrics")
    response = connection.getresponse()
    body = response.read()
    connection.close()
    assert response.status == 200 and b"darkroom_ready 1" in body
    return time.monotonic() - begin


def scrape_all(pool, address, gate):
    """All scrapers at once, from connections that are made in the same moment."""

    def one(_):
        gate.wait()
        return scrape(address)

    return list(pool.map(one, range(_SCRAPERS)))


def load(live, args, seed):
    options = ["--mix", "mixed", "--rate", args.rate, "--duration", f"{args.seconds}s"]
    command = client_command(live.address, "bench", *options, "--seed", seed, "--json", "-")
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=clean_environment()
    )
    return json.loads(done.stdout)


def run_round(live, args, seed, is_scraped):
    times, over = [], threading.Event()

    def keep_scraping():
        with concurrent.futures.ThreadPoolExecutor(_SCRAPERS) as pool:
            while not over.wait(args.every):
                times.extend(scrape_all(pool, live.metrics_address, threading.Barrier(_SCRAPERS)))

    scraper = threading.Thread(target=keep_scraping) if is_scraped else None
    if scraper:
        scraper.start()
    try:
        return load(live, args, seed), times
    finally:
        over.set()
        if scraper:
            scraper.join()


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def table(args, reports, times):
    quiet, scraped = reports[False], reports[True]
    lines = [
        "# What scrapes cost",
        "",
        f"{datetime.date.today()}, {platform.machine()}, CPU. `darkroom bench --mix mixed --rate"
        f" {args.rate:g}`, {args.rounds} rounds of {args.seconds:g} s each way, in turns; when"
        f" scraped, {_SCRAPERS} at once every {args.every:g} s.",
        "",
        "| latency, median over the rounds | alone | scraped | ratio |",
        "|---|---|---|---|",
    ]
    for key in ("p50", "p95", "p99"):
        alone, with_scrapes = (
            statistics.median(report["latency_seconds"][key] for report in kind)
            for kind in (quiet, scraped)
        )
        ratio = with_scrapes / alone
        lines.append(f"| {key} | {alone:.3f} s | {with_scrapes:.3f} s | {ratio:.2f} |")
    p50, p99 = percentile(times, 0.5), percentile(times, 0.99)
    lines += [
        "",
        "| a scrape among 50 | p50 | p99 | longest | under 100 ms |",
        "|---|---|---|---|---|",
        f"| {len(times)} | {1e3 * p50:.0f} ms | {1e3 * p99:.0f} ms | {1e3 * max(times):.0f} ms |"
        f" {sum(t < 0.1 for t in times) / len(times):.1%} |",
        "",
    ]
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path)
    parser.add_argument("--rate", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--every", type=float, default=5)
    args = parser.parse_args()
    reports, times = {False: [], True: []}, []
    with LiveServer() as live:
        load(live, argparse.Namespace(rate=args.rate, seconds=5), seed=0)  # To warm up.
        for number in range(args.rounds):
            for is_scraped in (False, True) if number % 2 == 0 else (True, False):
                report, seen = run_round(live, args, number + 1, is_scraped)
                assert [answer["code"] for answer in report["answers"]] == ["OK"], report["answers"]
                reports[is_scraped].append(report)
                times += seen
    text = table(args, reports, times)
    print(text)
    args.result.write_text(text)


if __name__ == "__main__":
    main()
