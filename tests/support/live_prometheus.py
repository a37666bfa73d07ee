"""A real Prometheus that runs deploy/prometheus against servers of a test."""

import json
import pathlib
import re
import subprocess
import tempfile
import urllib.parse
import urllib.request

import yaml

from deployment import PROMETHEUS, load
from live_server import wait_until

_LISTENING = re.compile(r'msg="Listening on" address=(\S+)')


class LivePrometheus:
    """Runs Prometheus inside a `with` block, by the shipped configuration.

    Only the targets and how often it looks at them are a test's own.
    """

    def __init__(self, *targets, interval="1s"):
        self._targets = list(targets)
        self._interval = interval

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="darkroom-prometheus-")
        folder = pathlib.Path(self._folder.name)
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(self._configuration()))
        self._log_path = folder / "log"
        with self._log_path.open("w") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={config}",
                    f"--storage.tsdb.path={folder / 'data'}",
                    "--web.listen-address=127.0.0.1:0",
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self.address = wait_until(self._listening, "Prometheus listens", timeout=30)
            wait_until(lambda: "is ready to receive" in self.log(), "Prometheus is ready", 30)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None:
            print(f"Prometheus' log:\n{self.log()[-8000:]}")
        self._end()

    def log(self):
        return self._log_path.read_text(errors="replace")

    def ask(self, path, **parameters):
        """The data of an answer of the HTTP API."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(url, timeout=30) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {error.read().decode()}") from None
        return answer["data"]

    def query(self, expression):
        """The samples of an instant query: [(labels, value)]."""
        data = self.ask("query", query=expression)
        assert data["resultType"] == "vector", expression
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def rules(self):
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def _configuration(self):
        configuration = load("prometheus.yml")
        names = configuration["rule_files"]
        configuration["rule_files"] = [str(PROMETHEUS / name) for name in names]
        for key in ("scrape_interval", "evaluation_interval"):
            configuration["global"][key] = self._interval
        (job,) = configuration["scrape_configs"]
        job["static_configs"] = [{"targets": self._targets}]
        return configuration

    def _listening(self):
        assert self._process.poll() is None, self.log()
        found = _LISTENING.search(self.log())
        return found and found[1]

    def _end(self):
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()
