"""Descriptors of proto/, compiled here, and what decides a message's bytes."""

import pathlib
import tempfile

import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"
_WELL_KNOWN = pathlib.Path(grpc_tools.__file__).parent / "_proto"


def compiled(*names):
    """The descriptors of these files and of all that they import, by name.

    Nothing is imported as Python, so another package's modules of the same names stay what they are.
    """
    with tempfile.NamedTemporaryFile(suffix=".binpb") as output:
        arguments = ["protoc", f"--proto_path={PROTO}", f"--proto_path={_WELL_KNOWN}"]
        arguments += ["--include_imports", f"--descriptor_set_out={output.name}", *names]
        assert protoc.main(arguments) == 0
        files = descriptor_pb2.FileDescriptorSet.FromString(output.read()).file
    return {file.name: file for file in files}


def copied(module):
    """The descriptor of a generated module."""
    file = descriptor_pb2.FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    return file


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
