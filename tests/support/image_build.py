"""The container image, really built: a base by debootstrap and the Dockerfile by buildah.

No registry is asked. What is slow to get (the base, Debian's packages, what ccache and pip hold) is
kept between runs.
"""

import ast
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from protos import REPOSITORY

FOLDER = REPOSITORY / "build/image"
_TOOLS = ("buildah", "debootstrap", "ccache", "unshare", "nsenter")
# What makes Debian's own image small, and its packages quick to install.
_DPKG_SETTINGS = """\
force-unsafe-io
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
"""
_BUILDAH = [
    "buildah",
    f"--root={FOLDER}/storage",
    f"--runroot={FOLDER}/run",
    "--storage-driver=vfs",
]


def why_not():
    """What this machine lacks to build and run an image, or None."""
    if os.geteuid() != 0:
        return "only root may make a base image and enter it"
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"not installed: {', '.join(missing)}"
    namespaces = ["unshare", "--mount", "--pid", "--net", "--fork"]
    probe = subprocess.run(
        [*namespaces, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return f"no namespaces here: {probe.stderr.decode()}" if probe.returncode else None


def buildah(*arguments):
    """Runs buildah in a store of our own and returns what it printed."""
    done = subprocess.run(
        [*_BUILDAH, *arguments], capture_output=True, text=True, env=_environment(), check=False
    )
    assert done.returncode == 0, f"buildah {' '.join(arguments)}:\n{done.stderr[-8000:]}"
    return done.stdout.strip()


class BuiltImage:
    """The image of this tree within a `with` block: its configuration, and its files in `root`.

    `target` is a stage of the Dockerfile: `cpu` or `cuda`.
    """

    def __init__(self, target):
        self._target = target

    def __enter__(self):
        _tidy()
        self.name = _build(_base_image(), self._target)
        self.config = json.loads(buildah("inspect", "--type=image", self.name))["Docker"]["config"]
        self._container = buildah("from", "--pull-never", self.name)
        self.root = pathlib.Path(buildah("mount", self._container))
        return self

    def __exit__(self, *_):
        buildah("rm", self._container)
        buildah("rmi", self.name)


@functools.cache  # Containers of this run are in use.
def _tidy():
    """Makes the store, without the containers of a run that was killed."""
    for folder in ("storage", "run", "tmp"):
        (FOLDER / folder).mkdir(parents=True, exist_ok=True)
    buildah("rm", "--all")


def _environment():
    return {**os.environ, "TMPDIR": str(FOLDER / "tmp")}


def _build(base, target):
    """Builds the Dockerfile with what ccache and pip hold of this machine's own builds."""
    ccache = subprocess.check_output(["ccache", "--get-config=cache_dir"], text=True).strip()
    pip = subprocess.check_output([sys.executable, "-m", "pip", "cache", "dir"], text=True).strip()
    log = FOLDER / f"build-{target}.log"
    # The caches are mounted over folders that every Debian has, so that no trace stays.
    command = [REPOSITORY / "deploy/docker/build_image", target, "--isolation=chroot"]
    command += [f"--build-arg=BASE={base}"]
    for variable, kept, seen in (("CCACHE_DIR", ccache, "/opt"), ("PIP_CACHE_DIR", pip, "/srv")):
        pathlib.Path(kept).mkdir(parents=True, exist_ok=True)
        command += [f"--volume={kept}:{seen}", f"--build-arg={variable}={seen}"]
    with log.open("w") as output:
        environment = {**_environment(), "BUILDER": " ".join(_BUILDAH)}
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False
        )
    assert done.returncode == 0, f"{log}:\n{log.read_text()[-8000:]}"
    return log.read_text().rstrip().splitlines()[-1]


def _base_image():
    """Debian 12's smallest set, set up to reach the packages that this machine reaches."""
    files = _settings()
    recipe = json.dumps(files).encode() + pathlib.Path(__file__).read_bytes()
    digest = hashlib.sha256(recipe).hexdigest()[:16]
    name = f"localhost/darkroom-base:{digest}"
    kept = buildah("images", "--format={{.Name}}:{{.Tag}}").splitlines()
    if name in kept:
        return name
    if kept:
        buildah("rmi", "--force", *kept)  # Of other settings.
    container = buildah("from", "scratch")
    root = pathlib.Path(buildah("mount", container))
    mirror = _package_sources()[0].split()[1]
    subprocess.run(
        ["debootstrap", "--variant=minbase", "bookworm", root, mirror],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    for path, contents in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(contents)
    for path in (root / "usr/share/doc").rglob("*"):
        if path.is_file() and path.name != "copyright":
            path.unlink()
    for folder in ("usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(root / folder)
    buildah("commit", "--rm", container, name)
    return name


def _package_sources():
    """This machine's sources of Debian 12, in one line each; the first has the release itself."""
    form = "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"
    lines = subprocess.check_output(
        ["apt-get", "indextargets", f"--format={form}", "Created-By: Packages"], text=True
    ).splitlines()
    wanted = {line for line in lines if re.fullmatch(r"deb \S+ bookworm(-\w+)? main", line)}
    return sorted(wanted, key=lambda line: line.split()[2])


def _settings():
    """Files of the base: how dpkg installs, and how this machine reaches its package mirrors."""
    acquire = subprocess.check_output(["apt-config", "dump", "Acquire"], text=True)
    listed = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    settings = [line.split("=", 1) for line in listed.splitlines()]
    options = {name.rpartition(".")[2]: ast.literal_eval(value) for name, value in settings}
    files = {
        "etc/dpkg/dpkg.cfg.d/small": _DPKG_SETTINGS,
        "etc/apt/sources.list": "\n".join(_package_sources()) + "\n",
        "etc/apt/apt.conf.d/90acquire": acquire,
        "etc/pip.conf": "\n".join(["[global]", *(f"{k} = {v}" for k, v in options.items()), ""]),
    }
    # The bundle, and what Debian makes it anew from when the package of that name is installed.
    bundle = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    own = pathlib.Path("/usr/local/share/ca-certificates").rglob("*.crt")
    for path in filter(pathlib.Path.is_file, [bundle, *sorted(own)]):
        files[str(path.relative_to("/"))] = path.read_text()
    return files
