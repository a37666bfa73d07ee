"""Rules of the request's fields beyond the fault catalogue, over a real socket.

Nothing that a caller sets is silently ignored: what is not built yet is refused by name.
"""

import io

import grpc
import pytest
from PIL import Image

from protos import pb
from rpc_errors import MAX_VIOLATIONS, expect_failure

pytestmark = pytest.mark.timeout(120)

_FILE = io.BytesIO()
Image.linear_gradient("L").save(_FILE, "PNG")
PICTURE = _FILE.getvalue()
INVALID = grpc.StatusCode.INVALID_ARGUMENT
SIZE = {"height": 64, "width": 64}
CROP = {"top": 0, "left": 0}

NOT_BUILT = [
    ("aesthetic_score", {"aesthetic_score": 6.0}),
    ("negative_aesthetic_score", {"negative_aesthetic_score": 2.5}),
    ("loras", {"loras": [{"name": "pixel-art", "weight": 0.5}]}),
    ("prompt_syntax", {"prompt_syntax": pb.PROMPT_SYNTAX_WEIGHTED}),
]

BUILT = [
    *({"scheduler": value} for value in pb.Scheduler.values()),
    {"guidance_rescale": 0.7},
    {"clip_skip": 1},
    {"denoising_end": 0.8},
    # As in diffusers, both ends of the range stop nothing.
    {"denoising_end": 0.0},
    {"denoising_end": 1.0},
    *({"timestep_spacing": value} for value in pb.TimestepSpacing.values()),
    {"prompt_syntax": pb.PROMPT_SYNTAX_PLAIN},
    *({"generator_device": value} for value in pb.GeneratorDevice.values()),
    {"init_image": {"data": PICTURE, "strength": 1.0}},
    {"init_image": {"data": PICTURE}, "denoising_start": 0.2},
    # As in diffusers, both ends of the range leave the place to the strength.
    {"init_image": {"data": PICTURE, "strength": 1.0}, "denoising_start": 0.0},
    {"init_image": {"data": PICTURE, "strength": 1.0}, "denoising_start": 1.0},
    {"output": {"format": pb.IMAGE_FORMAT_WEBP}},
    {"output": {"format": pb.IMAGE_FORMAT_JPEG, "quality": 1}},
    {"output": {"format": pb.IMAGE_FORMAT_WEBP, "quality": 100, "omit_parameters": True}},
    {"output": {"format": pb.IMAGE_FORMAT_PNG, "omit_parameters": True}},
    {"output": {"format": pb.IMAGE_FORMAT_RAW_RGB}},
    {"output": {}},
    {"priority": pb.PRIORITY_LOW},
    {"priority": pb.PRIORITY_NORMAL},
    {"priority": pb.PRIORITY_HIGH},
    {"negative_prompt": ""},
    {"negative_prompt": "a dog", "negative_prompt_2": "a cat"},
    {"prompt": "a cat", "prompt_2": "a dog"},
    {"width": 48, "height": 80},
]


def generate(server, **fields):
    request = pb.GenerateImagesRequest(**{"num_inference_steps": 1, **fields})
    return server.stub.GenerateImages(request, timeout=60)


def refused(server, **fields):
    failure = expect_failure(lambda: generate(server, **fields))
    assert failure.code == INVALID
    return failure


@pytest.mark.parametrize("path, fields", NOT_BUILT, ids=str)
def test_field_that_is_not_built_is_named(server, path, fields):
    failure = refused(server, **fields)
    assert failure.reason == "NOT_BUILT"
    assert list(failure.violations) == [path]


@pytest.mark.parametrize("fields", BUILT, ids=str)
def test_field_that_is_built_is_served(server, fields):
    assert len(generate(server, **fields).images) == 1


def test_every_field_is_either_built_or_refused():
    tested = {path.split(".")[0] for path, _ in NOT_BUILT} | {key for row in BUILT for key in row}
    elsewhere = {"model", "num_inference_steps", "guidance_scale", "num_images", "seed", "seeds"}
    elsewhere |= {"micro_conditioning", "request_id"}
    fields = {field.name for field in pb.GenerateImagesRequest.DESCRIPTOR.fields}
    assert fields == tested | elsewhere


def test_not_built_beside_another_violation_is_an_invalid_field(server):
    failure = refused(server, aesthetic_score=6.0, width=9)
    assert failure.reason == "INVALID_FIELD"
    assert set(failure.violations) == {"aesthetic_score", "width"}


@pytest.mark.parametrize(
    "field, value",
    [
        ("guidance_rescale", -0.1),
        ("guidance_rescale", 1.1),
        ("guidance_rescale", float("nan")),
        ("clip_skip", 2),  # The embedded model's encoders have two layers.
        ("denoising_end", -0.1),
        ("denoising_end", 1.1),
        ("denoising_end", float("nan")),
        ("output", {"format": pb.IMAGE_FORMAT_JPEG, "quality": 0}),
        ("output", {"format": pb.IMAGE_FORMAT_WEBP, "quality": 101}),
        ("output", {"format": pb.IMAGE_FORMAT_PNG, "quality": 90}),
        ("output", {"quality": 90}),
    ],
)
def test_value_out_of_range_is_named(server, field, value):
    named = refused(server, **{field: value}).violations
    assert {path.split(".")[0] for path in named} == {field}


def test_lcm_takes_at_most_the_steps_of_its_training(server):
    lcm = {"scheduler": pb.SCHEDULER_LCM}
    assert set(refused(server, num_inference_steps=51, **lcm).violations) == {"num_inference_steps"}
    generate(server, num_inference_steps=50, **lcm)


@pytest.mark.parametrize("text", ["", "a dog"])
def test_negative_prompt_2_needs_negative_prompt(server, text):
    failure = refused(server, negative_prompt_2=text)
    assert failure.reason == "INVALID_FIELD"
    assert list(failure.violations) == ["negative_prompt_2"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"original_size": SIZE},
        {"target_size": SIZE},
        {"crop_top_left": {"top": 8, "left": 4}},
        {"negative_original_size": SIZE, "negative_target_size": SIZE},
        {
            "negative_original_size": {"height": 1024, "width": 512},
            "negative_crop_top_left": CROP,
            "negative_target_size": SIZE,
        },
    ],
    ids=lambda fields: "+".join(fields) or "none",
)
def test_micro_conditioning_by_the_rules_is_served(server, fields):
    assert len(generate(server, micro_conditioning=fields).images) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"negative_original_size": SIZE},
        {"negative_target_size": SIZE},
        {"negative_crop_top_left": CROP},
        {"negative_crop_top_left": CROP, "negative_original_size": SIZE},
        {"negative_crop_top_left": CROP, "negative_target_size": SIZE},
    ],
    ids="+".join,
)
def test_half_of_the_negative_micro_conditioning_is_named(server, fields):
    failure = refused(server, micro_conditioning=fields)
    assert failure.reason == "INVALID_FIELD"
    assert failure.violations
    for path in failure.violations:
        assert path.split(".")[0] == "micro_conditioning"


@pytest.mark.parametrize(
    "fields",
    [
        {"seeds": [1, 2], "seed": 1},
        {"seeds": [1], "seed": 0},
        {"seeds": [1, 2], "num_images": 2},
        {"seeds": [1], "num_images": 1, "seed": 1},
    ],
    ids=str,
)
def test_seeds_exclude_seed_and_num_images(server, fields):
    failure = refused(server, **fields)
    assert failure.reason == "INVALID_FIELD"
    assert failure.violations and failure.violations.keys() <= fields.keys()


@pytest.mark.parametrize("name", ["a", "x" * 64, "A.b_c-9", "..", "-"])
def test_request_id_by_the_grammar_is_returned(server, name):
    assert generate(server, request_id=name).request_id == name


@pytest.mark.parametrize("name", ["x" * 65, "x" * 10_000, "a b", "a/b", "é", "a\n", "\x1b[31m"])
def test_request_id_against_the_grammar_is_named(server, name):
    failure = refused(server, request_id=name)
    assert failure.reason == "INVALID_FIELD"
    assert list(failure.violations) == ["request_id"]
    assert "x" * 65 not in failure.message + failure.violations["request_id"]


def test_absent_request_ids_are_drawn(server):
    drawn = {generate(server).request_id for _ in range(4)}
    assert len(drawn) == 4
    for name in drawn:
        assert generate(server, request_id=name).request_id == name


def test_more_violations_than_fit_stay_small_and_hurt_no_neighbour(server):
    everything = {
        **{field: "p" * 9000 for field in ("prompt", "prompt_2", "negative_prompt_2")},
        **{field: 2**32 - 1 for field in ("width", "height", "num_inference_steps", "num_images")},
        **{field: -5.0 for field in ("guidance_scale", "guidance_rescale", "aesthetic_score")},
        **{field: 99.0 for field in ("negative_aesthetic_score", "denoising_end")},
        **{field: 99 for field in ("scheduler", "timestep_spacing", "prompt_syntax", "priority")},
        "denoising_start": float("nan"),
        "generator_device": 99,
        "clip_skip": 99,
        "seeds": [1, 2],
        "seed": 1,
        "init_image": {"data": b"x", "strength": -1},
        "micro_conditioning": {"negative_original_size": SIZE},
        "loras": [{"name": "../" * 500, "weight": float("inf")}] * 20,
        "output": {"format": 99, "quality": 999},
        "request_id": "not an id " * 500,
    }
    neighbour = server.stub.GenerateImages.future(
        pb.GenerateImagesRequest(num_inference_steps=8), timeout=60
    )
    failure = refused(server, **everything)  # Holds every error to 2 KiB.
    assert failure.reason == "INVALID_FIELD"
    assert 4 <= len(failure.violations) <= MAX_VIOLATIONS
    assert len(neighbour.result().images) == 1
