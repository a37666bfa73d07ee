"""Our part of the Open Inference Protocol and Triton's own descriptors: the same on the wire."""

import tempfile

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc
from tritonclient.grpc import model_config_pb2, service_pb2

from protos import REPOSITORY


def described(*modules):
    """Triton's messages, enums and rpcs by full name."""
    files = [descriptor_pb2.FileDescriptorProto() for _ in modules]
    for file, module in zip(files, modules, strict=True):
        module.DESCRIPTOR.CopyToProto(file)
    return by_name(files)


def ours():
    with tempfile.NamedTemporaryFile(suffix=".binpb") as output:
        arguments = ["protoc", f"--proto_path={REPOSITORY / 'proto'}", "--include_imports"]
        arguments += [f"--descriptor_set_out={output.name}", "inference/grpc_service.proto"]
        assert protoc.main(arguments) == 0
        return by_name(descriptor_pb2.FileDescriptorSet.FromString(output.read()).file)


def by_name(files):
    """{full name: what decides its bytes}, for messages, enums and rpcs."""
    found = {}

    def add_enum(scope, enum):
        found[f"{scope}.{enum.name}"] = {(value.number, value.name) for value in enum.value}

    def add_message(scope, message):
        name = f"{scope}.{message.name}"
        found[name] = {
            (field.number, field.name, field.type, field.label, field.type_name)
            for field in message.field
        }
        for nested in message.nested_type:
            add_message(name, nested)
        for enum in message.enum_type:
            add_enum(name, enum)

    for file in files:
        for message in file.message_type:
            add_message(file.package, message)
        for enum in file.enum_type:
            add_enum(file.package, enum)
        for service in file.service:
            for method in service.method:
                found[f"{file.package}.{service.name}/{method.name}"] = {
                    (method.input_type, method.output_type),
                    (method.client_streaming, method.server_streaming),
                }
    return found


OURS = ours()
TRITONS = described(service_pb2, model_config_pb2)


@pytest.mark.parametrize("name", sorted(OURS))
def test_everything_is_as_in_triton(name):
    assert OURS[name] <= TRITONS[name], OURS[name] - TRITONS[name]


@pytest.mark.parametrize("name", ["ModelInferRequest", "ModelInferResponse", "InferTensorContents"])
def test_nothing_of_an_inference_is_left_out(name):
    assert OURS[f"inference.{name}"] == TRITONS[f"inference.{name}"]
