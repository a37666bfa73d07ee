"""Whether Kubernetes would take an object: its own schemas, and ours for what others define."""

import functools
import json

import jsonschema
import kubernetes_validate
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from protos import REPOSITORY

# The oldest and the newest that the manifests are for.
VERSIONS = ("1.27", "1.37")


class Refused(Exception):
    """An object breaks its schema; says where."""


@functools.cache
def _validator(kind):
    """Of a kind that the tests keep a schema for; it refers to Kubernetes' own for pods."""
    schema = json.loads((REPOSITORY / f"tests/deploy/schemas/{kind.lower()}.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    newest = f"kubernetes-json-schema/v{VERSIONS[-1]}.0-local-strict/_definitions.json"
    definitions = Resource.from_contents(schema_contents(newest, VERSIONS[-1]))
    return jsonschema.Draft202012Validator(schema, registry=definitions @ Registry())


def is_custom(found):
    """Whether the kind is not Kubernetes' own."""
    group = found["apiVersion"].rpartition("/")[0]
    return "." in group and not group.endswith(".k8s.io")


def validate(found, version=VERSIONS[-1]):
    """Raises Refused unless Kubernetes of this version takes the object, with nothing to spare."""
    try:
        if is_custom(found):
            _validator(found["kind"]).validate(found)
        else:
            kubernetes_validate.validate(found, version, strict=True)
    except jsonschema.ValidationError as error:
        path = ".".join(map(str, error.absolute_path))
        raise Refused(f"{found['kind']}: {path}: {error.message[:400]}") from None
