"""The wire's Python stubs, compiled from proto/ when this module is imported.

`pb` and `rpc` are Darkroom's messages and stubs; `error_details` and `status` are google.rpc's.
"""

import importlib
import pathlib
import sys
import tempfile

import grpc_tools
from grpc_tools import protoc

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_FILES = (
    "darkroom/v1/image_generation.proto",
    "google/api/annotations.proto",
    "google/api/http.proto",
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
)
_MODULES = (
    "darkroom.v1.image_generation_pb2",
    "darkroom.v1.image_generation_pb2_grpc",
    "google.rpc.error_details_pb2",
    "google.rpc.status_pb2",
)


def _compile_and_import():
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory(prefix="darkroom-protos-") as folder:
        arguments = [
            "protoc",
            f"--proto_path={REPOSITORY / 'proto'}",
            f"--proto_path={well_known}",
            f"--python_out={folder}",
            f"--grpc_python_out={folder}",
            *_FILES,
        ]
        if protoc.main(arguments) != 0:
            raise ImportError("protoc refused proto/; its own message is above")
        sys.path.insert(0, folder)
        try:
            importlib.invalidate_caches()
            return [importlib.import_module(name) for name in _MODULES]
        finally:
            sys.path.remove(folder)


pb, rpc, error_details, status = _compile_and_import()
