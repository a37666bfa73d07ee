"""The HTTP rules of darkroom.v1, as Google's own package reads them."""

import re

import pytest
from google.api import annotations_pb2, http_pb2

from descriptors import by_name, compiled, copied

FILES = compiled("darkroom/v1/image_generation.proto")
(SERVICE,) = FILES["darkroom/v1/image_generation.proto"].service
RULES = {method.name: method.options.Extensions[annotations_pb2.http] for method in SERVICE.method}
MESSAGES = {
    f".darkroom.v1.{message.name}": message
    for message in FILES["darkroom/v1/image_generation.proto"].message_type
}


def test_the_annotations_are_googles():
    names = ("google/api/annotations.proto", "google/api/http.proto")
    assert by_name(FILES[name] for name in names) == by_name([copied(http_pb2)])
    (ours,) = FILES[names[0]].extension
    (theirs,) = copied(annotations_pb2).extension
    assert (ours.number, ours.extendee, ours.type_name) == (
        theirs.number,
        theirs.extendee,
        theirs.type_name,
    )


def verb_and_path(rule):
    return rule.WhichOneof("pattern"), getattr(rule, rule.WhichOneof("pattern"))


def test_every_rpc_has_one_rule_of_its_own():
    assert all(rule.WhichOneof("pattern") for rule in RULES.values())
    assert len({verb_and_path(rule) for rule in RULES.values()}) == len(RULES)
    assert not any(rule.additional_bindings or rule.selector for rule in RULES.values())


def test_the_rules_are_those_that_callers_know():
    assert {name: (*verb_and_path(rule), rule.body) for name, rule in RULES.items()} == {
        "GenerateImages": ("post", "/v1/images:generate", "*"),
        "StreamImages": ("post", "/v1/images:stream", "*"),
        "GetModel": ("get", "/v1/model", ""),
    }


@pytest.mark.parametrize("method", SERVICE.method, ids=lambda method: method.name)
def test_paths_have_the_packages_version_and_bodies_go_with_post_alone(method):
    verb, path = verb_and_path(RULES[method.name])
    assert re.fullmatch(r"/v1/[a-z]+(:[a-z]+)?", path)
    assert RULES[method.name].body == ("*" if verb == "post" else "")


@pytest.mark.parametrize("method", SERVICE.method, ids=lambda method: method.name)
def test_what_no_body_carries_fits_a_query(method):
    if RULES[method.name].body:
        return
    for field in MESSAGES[method.input_type].field:
        assert field.type not in (field.TYPE_MESSAGE, field.TYPE_BYTES), field.name
