"""The container images are built as `make image` and `make image-cuda` build them, and serve as an
engine would run them: no root, no capabilities, nothing writable but /tmp."""

import json
import os
import pathlib
import re
import signal
import stat
import subprocess

import numpy
import PIL.Image
import pytest
from spdx_tools.spdx.parser.json import json_parser
from spdx_tools.spdx.validation.document_validator import validate_full_spdx_document

from container import Container, EndedEarly
from image_build import BuiltImage, why_not
from live_server import LiveServer
from pictures import assert_same_picture, pixels_of, raw_request
from protos import REPOSITORY

pytestmark = [
    pytest.mark.timeout(2700),
    pytest.mark.skipif(why_not() is not None, reason=f"THE IMAGE IS NOT TESTED: {why_not()}"),
]

PORTS = {"50051/tcp", "9464/tcp", "50052/tcp"}
DOCUMENTS = "usr/share/doc/darkroom"
# What builds or interprets programs; perl-base and the shell are Debian's own.
TOOLS = re.compile(
    r"(\w+-linux-gnu-)?(python|pip|gcc|g\+\+|cc|c\+\+|clang|cpp|ld|as|make|git)(-?\d[\d.]*)?"
)


@pytest.fixture(scope="module")
def image():
    with BuiltImage("cpu") as built:
        yield built


@pytest.fixture(scope="module")
def cuda_image():
    with BuiltImage("cuda") as built:
        yield built


@pytest.fixture(params=["image", "cuda_image"])
def each_image(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def served(image):
    with Container(image) as container:
        yield container


def files_of(image):
    for folder, _, names in os.walk(image.root):
        yield from (pathlib.Path(folder, name) for name in names)


def spdx(image):
    return json.loads((image.root / DOCUMENTS / "sbom.spdx.json").read_text())


def test_configuration_is_what_engines_and_people_are_told(each_image):
    project = (REPOSITORY / "CMakeLists.txt").read_text()
    version = re.search(r"project\(darkroom VERSION (\S+)", project)
    assert each_image.config["Entrypoint"] == ["darkroom-server"]
    assert not each_image.config["Cmd"]
    assert each_image.config["User"] == "10001:10001"
    assert each_image.config["StopSignal"] == "SIGTERM"
    assert set(each_image.config["ExposedPorts"]) == PORTS
    labels = {
        name.removeprefix("org.opencontainers.image."): value
        for name, value in each_image.config["Labels"].items()
    }
    assert labels["title"] == "Darkroom"
    assert labels["version"] == version[1]
    assert labels["licenses"] == "Apache-2.0"
    head = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert labels["revision"] == (head.stdout.strip() or "unknown")
    assert (each_image.root / labels["documentation"].removeprefix("file:///")).is_file()
    assert labels["description"]


def test_version_that_a_plain_build_claims_is_the_projects(image):
    text = (REPOSITORY / "deploy/docker/Dockerfile").read_text()
    claimed = re.findall(r"^ARG VERSION=(\S+)$", text, re.MULTILINE)
    assert {image.config["Labels"]["org.opencontainers.image.version"]} == set(claimed)


def test_server_runs_as_process_1_without_rights(served):
    status = served.status()
    assert status["NSpid"].split()[-1] == "1"
    assert pathlib.Path(f"/proc/{served.pid}/exe").readlink().name == "darkroom-server"
    assert set(status["Uid"].split() + status["Gid"].split()) == {"10001"}
    assert status["Groups"] == ""
    assert status["NoNewPrivs"] == "1"
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind], 16) == 0, kind


def test_nothing_is_writable_but_tmp(served):
    writable = {point for point, options in served.mounts().items() if "rw" in options}
    assert {point for point in writable if not point.startswith(("/proc", "/dev/"))} == {"/tmp"}
    assert served.run("touch", "/tmp/one").returncode == 0
    assert served.run("touch", "/models/one").returncode != 0
    assert served.run("rm", "/tmp/one").returncode == 0


def test_health_check_of_the_image_passes(image, served):
    check = image.config["Healthcheck"]
    assert check["Test"][0] == "CMD"
    assert check["Interval"] and check["Timeout"] and check["StartPeriod"] and check["Retries"]
    done = served.run(*check["Test"][1:])
    assert done.returncode == 0, done.stderr
    assert served.run("darkroom", "health", "--service", "liveness").returncode == 0
    assert served.run("darkroom", "health", "--server", "127.0.0.1:1").returncode == 1


def test_image_has_the_pixels_of_the_same_server_outside(served):
    done = served.run(
        *("darkroom", "generate", "--seed", "7", "--output", "/tmp/pictures", "a red apple")
    )
    assert done.returncode == 0, done.stderr
    (file,) = pathlib.Path(f"/proc/{served.pid}/root/tmp/pictures").glob("*-7.png")
    with PIL.Image.open(file) as picture:
        inside = numpy.asarray(picture.convert("RGB"))
    with LiveServer() as outside:
        reply = outside.stub.GenerateImages(raw_request(prompt="a red apple", seed=7), timeout=60)
    assert reply.images[0].seed == 7
    assert_same_picture(inside, pixels_of(reply.images[0]))


def test_metrics_are_served_and_name_the_commit(image, served):
    text = served.get("http://127.0.0.1:9464/metrics")
    revision = image.config["Labels"]["org.opencontainers.image.revision"]
    assert f'revision="{revision[:12]}"' in text
    assert re.search(r"^darkroom_live_calls 0$", text, re.MULTILINE)


def test_sigterm_to_process_1_finishes_what_it_has(image):
    # Threads that wait for each other make a busy machine slow without bound.
    with Container(image, {"DARKROOM_LAME_DUCK": "1s", "DARKROOM_THREADS": "1"}) as container:
        command = container.command(
            *("darkroom", "generate", "--steps", "40", "--size", "128x128", "--output", "/tmp"),
            "a red apple",
        )
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as caller:
            while "darkroom_live_calls 1" not in container.get("http://127.0.0.1:9464/metrics"):
                assert caller.poll() is None
            assert container.stop(signal.SIGTERM, timeout=200) == 0  # A drain may take half of it.
            assert caller.wait(60) == 0, caller.stderr.read()


def test_wrong_settings_end_the_container_with_2(image):
    with pytest.raises(EndedEarly) as ended:
        with Container(image, {"DARKROOM_MAX_BATCH_SIZE": "none"}):
            pass
    assert ended.value.code == 2, ended.value


def test_every_library_is_found_and_every_one_copied_is_used(image):
    used = set()
    for name in ("darkroom", "darkroom-server"):
        lines = subprocess.check_output(
            ["chroot", image.root, "ldd", f"/usr/local/bin/{name}"], text=True
        )
        assert "not found" not in lines
        used |= set(re.findall(r"=> (/\S+)", lines))
    copied = {path.name for path in (image.root / "usr/local/lib/darkroom").iterdir()}
    assert copied == {pathlib.Path(path).name for path in used if path.startswith("/usr/local/")}
    assert {"libtorch_cpu.so", "libc10.so"} <= copied


def test_there_is_neither_compiler_nor_python(each_image):
    named = [path for path in files_of(each_image) if TOOLS.fullmatch(path.name)]
    assert [path for path in named if os.access(path, os.X_OK)] == []
    assert [path for path in files_of(each_image) if path.suffix in (".h", ".a", ".pyc")] == []


def test_no_file_gives_rights_or_belongs_to_the_server(each_image):
    for path in files_of(each_image):
        about = path.lstat()
        assert not about.st_mode & (stat.S_ISUID | stat.S_ISGID), path
        assert about.st_uid != 10001 and about.st_gid != 10001, path


def test_build_leaves_nothing_behind(each_image):
    for folder in ("mnt", "srv", "tmp", "models", "root", "var/lib/apt/lists", "var/cache/apt"):
        files = [path for path in (each_image.root / folder).rglob("*") if path.is_file()]
        assert [path for path in files if path.name not in (".bashrc", ".profile")] == [], folder
    assert not (each_image.root / "src").exists()


def pinned_wheels(requirements):
    pins = re.findall(r"^(\S+)==(\S+)$", (REPOSITORY / requirements).read_text(), re.MULTILINE)
    return {f"pkg:pypi/{name}@{version}" for name, version in pins}


def has_cuda(image):
    return (image.root / "usr/local/lib/darkroom/libtorch_cuda.so").exists()


def test_bill_of_materials_is_valid_and_whole(each_image):
    path = each_image.root / DOCUMENTS / "sbom.spdx.json"
    parsed = json_parser.parse_from_file(str(path))
    assert validate_full_spdx_document(parsed, "SPDX-2.3") == []
    listed = {
        package["externalRefs"][0]["referenceLocator"].split("?")[0]: package
        for package in spdx(each_image)["packages"]
        if "externalRefs" in package
    }
    statically_linked = {
        link["relatedSpdxElement"]
        for link in spdx(each_image)["relationships"]
        if link["relationshipType"] == "STATIC_LINK"
    }
    debian = {
        (package["name"], package["versionInfo"])
        for locator, package in listed.items()
        if locator.startswith("pkg:deb/") and package["SPDXID"] not in statically_linked
    }
    form = "--showformat=${Package} ${Version}\n"
    installed = subprocess.check_output(
        ["dpkg-query", f"--admindir={each_image.root}/var/lib/dpkg", form, "--show"], text=True
    )
    assert debian == {tuple(line.split()) for line in installed.splitlines()}
    wheels = {locator for locator in listed if locator.startswith("pkg:pypi/")}
    assert wheels >= pinned_wheels("tools/requirements-torch.txt")
    wheels -= pinned_wheels("tools/requirements-torch.txt")
    assert wheels <= pinned_wheels("tools/requirements-cuda.txt")
    assert any("/nvidia-cudnn" in wheel for wheel in wheels) == has_cuda(each_image)


def test_origin_and_checksum_of_every_copied_file_are_in_the_bill(each_image):
    document = spdx(each_image)
    links = {
        (link["spdxElementId"], link["relationshipType"]): link["relatedSpdxElement"]
        for link in document["relationships"]
    }
    listed = {entry["fileName"]: entry for entry in document["files"]}
    folders = ("usr/local/bin", "usr/local/lib/darkroom")
    copied = [path for folder in folders for path in (each_image.root / folder).iterdir()]
    assert set(listed) == {f"./{path.relative_to(each_image.root)}" for path in copied}
    for path in copied:
        entry = listed[f"./{path.relative_to(each_image.root)}"]
        sums = {item["algorithm"]: item["checksumValue"] for item in entry["checksums"]}
        told = subprocess.check_output(["sha256sum", path], text=True).split()[0]
        assert sums["SHA256"] == told, path
        if path.parent.name == "darkroom" and path.name != "libdarkroom_cuda.so":
            assert links[entry["SPDXID"], "EXPANDED_FROM_ARCHIVE"].startswith("SPDXRef-pypi-")


def test_licences_of_what_was_copied_are_there(each_image):
    folder = each_image.root / DOCUMENTS
    assert (folder / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()
    for package in spdx(each_image)["packages"]:
        if package["SPDXID"].startswith("SPDXRef-pypi-"):
            texts = list((folder / "licences" / package["name"]).iterdir())
            assert texts and all(text.stat().st_size for text in texts), package["name"]
        if package["SPDXID"].startswith("SPDXRef-deb-") and not package["name"].endswith("-dev"):
            assert (each_image.root / f"usr/share/doc/{package['name']}").exists(), package["name"]


def test_image_for_gpus_has_every_library_and_says_when_there_is_no_gpu(image, cuda_image):
    assert not has_cuda(image) and has_cuda(cuda_image)
    for library in (cuda_image.root / "usr/local/lib/darkroom").iterdir():
        path = f"/usr/local/lib/darkroom/{library.name}"
        lines = subprocess.check_output(["chroot", cuda_image.root, "ldd", path], text=True)
        assert "not found" not in lines, path
    with pytest.raises(EndedEarly, match="LibTorch finds no GPU on this machine") as ended:
        with Container(cuda_image):
            pass
    assert ended.value.code == 3, ended.value


def test_image_for_gpus_serves_on_cpus_where_it_is_told_to(cuda_image):
    with Container(cuda_image, {"DARKROOM_DEVICE": "cpu"}) as container:
        done = container.run("darkroom", "generate", "--output", "/tmp/pictures", "a red apple")
        assert done.returncode == 0, done.stderr
