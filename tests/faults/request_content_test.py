"""Rows 1-18 of the fault catalogue over a real socket: hostile or mistaken request content."""

import io

import grpc
import pytest
from PIL import Image

from draws import seeded_random
from live_server import LiveServer
from protos import pb
from rpc_errors import expect_failure, failure_of

pytestmark = pytest.mark.timeout(180)

INVALID = grpc.StatusCode.INVALID_ARGUMENT
METHOD = "/darkroom.v1.ImageGenerationService/GenerateImages"
RECEIVE_LIMIT = (8 << 20) + (256 << 10)
RSS_SLACK = 16 << 20
NAN, INFINITY = float("nan"), float("inf")
UINT32_MAX = 2**32 - 1
UINT64_MAX = 2**64 - 1


def tiny(**fields):
    """A request of one step, so that what is accepted is quickly made."""
    return pb.GenerateImagesRequest(**{"num_inference_steps": 1, "seed": 7, **fields})


def generate(server, timeout=60, **fields):
    return server.stub.GenerateImages(tiny(**fields), timeout=timeout)


def pixels(server, **fields):
    """The bytes of the one image of a raw reply."""
    reply = generate(server, output={"format": pb.IMAGE_FORMAT_RAW_RGB}, **fields)
    (image,) = reply.images
    return image.data


def refused(server, **fields):
    return expect_failure(lambda: generate(server, **fields))


def send_bytes(channel, payload, method=METHOD, compression=None):
    """One call with `payload` as the message, whatever it is."""
    call = channel.unary_unary(
        method,
        request_serializer=lambda raw: raw,
        response_deserializer=pb.GenerateImagesResponse.FromString,
    )
    return call(payload, timeout=60, compression=compression)


def parses(payload):
    try:
        pb.GenerateImagesRequest.FromString(payload)
    except Exception:  # protobuf's DecodeError, whichever implementation is loaded.
        return False
    return True


def expect_flat_memory(server, action, slack=RSS_SLACK):
    """Fails when the server needed more than a little memory for `action`, even for a moment."""
    server.reset_peak_rss()
    before = server.rss_bytes()
    action()
    growth = server.peak_rss_bytes() - before
    assert growth < slack, f"the server grew by {growth >> 20} MiB"


def test_row_01_empty_prompt_is_served(server):
    reply = generate(server, prompt="")
    assert [image.finish_reason for image in reply.images] == [pb.FINISH_REASON_DONE]
    assert reply.stats.truncated_tokens == 0


def test_row_02_prompt_beyond_77_tokens_is_cut_and_reported(server):
    # 77 tokens are a start, 75 of ours and an end.
    words = ["apple"] * 75
    assert generate(server, prompt=" ".join(words)).stats.truncated_tokens == 0
    longer = " ".join(words + ["penguin"] * 25)
    assert generate(server, prompt=longer).stats.truncated_tokens == 25
    assert pixels(server, prompt=longer) == pixels(server, prompt=" ".join(words))
    assert pixels(server, prompt=longer) != pixels(server, prompt=" ".join(["penguin"] * 75))


def test_row_02_truncation_of_any_prompt_is_reported(server):
    for field in ("prompt_2", "negative_prompt"):
        reply = generate(server, prompt="a cat", **{field: "apple " * 80})
        assert reply.stats.truncated_tokens == 5, field


@pytest.mark.parametrize("field", ["prompt", "prompt_2", "negative_prompt", "negative_prompt_2"])
@pytest.mark.parametrize("text", ["a" * 8193, "é" * 4096 + "a"], ids=["ascii", "multibyte"])
def test_row_03_prompt_over_8_kib_is_named(server, field, text):
    fields = {"negative_prompt": "", field: text} if field == "negative_prompt_2" else {field: text}
    failure = refused(server, **fields)
    assert (failure.code, failure.reason) == (INVALID, "PROMPT_TOO_LONG")
    assert list(failure.violations) == [field]


def test_row_03_prompt_of_exactly_8_kib_is_served(server):
    assert generate(server, prompt="é" * 4096).stats.truncated_tokens > 0


@pytest.mark.parametrize(
    "prompt",
    [
        "red\0apple",
        "".join(map(chr, range(32))) + "\x7f\x80\x9f",
        "\u202eelppa der\u202c \u2066apple\u2069",
        "\N{PENGUIN}\N{ZERO WIDTH JOINER}\N{HEAVY BLACK HEART}\ufe0f \U0001f1eb\U0001f1ee",
        "\u0301\u0308\u20dd" * 20,
        "\ufffe\uffff\U0010ffff",
    ],
    ids=["nul", "control", "bidi", "emoji", "combining", "noncharacters"],
)
def test_row_04_odd_characters_are_served_the_same_each_time(server, prompt):
    assert pixels(server, prompt=prompt) == pixels(server, prompt=prompt)
    with Image.open(io.BytesIO(generate(server, prompt=prompt).images[0].data)) as image:
        image.load()


@pytest.mark.parametrize("field", [2, 3, 4, 28], ids=["prompt", "prompt_2", "negative", "id"])
@pytest.mark.parametrize("text", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"apple\xe2\x82"])
def test_row_05_invalid_utf8_ends_its_own_call_only(server, field, text):
    neighbour = server.stub.GenerateImages.future(tiny(num_inference_steps=8), timeout=60)
    payload = _tag(field, 2) + bytes([len(text)]) + text
    failure = expect_failure(lambda: send_bytes(server.channel, payload))
    assert failure.code == grpc.StatusCode.UNIMPLEMENTED  # The library's answer.
    assert len(neighbour.result().images) == 1


def test_row_06_random_bytes_end_their_own_call_only(server):
    rng = seeded_random()
    neighbour = server.stub.GenerateImages.future(tiny(num_inference_steps=8), timeout=60)
    whole = tiny(prompt="a red apple", request_id="x" * 40).SerializeToString()
    for payload in (whole[:-1], b"\xff" * 64):
        failure = expect_failure(lambda: send_bytes(server.channel, payload))
        assert failure.code == grpc.StatusCode.UNIMPLEMENTED, payload.hex()
    # Now and then the server's older parser makes a request of what today's refuses.
    may_be_answered = {grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INVALID_ARGUMENT}
    drawn = [rng.randbytes(rng.randrange(1, 400)) for _ in range(60)]
    garbage = [payload for payload in drawn if not parses(payload)]
    assert len(garbage) > 30
    codes = []
    for payload in garbage:
        try:
            send_bytes(server.channel, payload)
        except grpc.RpcError as error:
            codes.append(failure_of(error).code)
            assert codes[-1] in may_be_answered, payload.hex()
    assert codes.count(grpc.StatusCode.UNIMPLEMENTED) > 0.9 * len(garbage)
    assert len(neighbour.result().images) == 1


@pytest.mark.parametrize("method", ["GenerateImage", "streamImages", "EditImages", "", "a/b"])
def test_row_07_unknown_method_is_unimplemented(server, method):
    path = f"/darkroom.v1.ImageGenerationService/{method}"
    failure = expect_failure(lambda: send_bytes(server.channel, b"", method=path))
    assert failure.code == grpc.StatusCode.UNIMPLEMENTED


def test_row_07_unknown_service_is_unimplemented(server):
    path = "/darkroom.v2.ImageGenerationService/GenerateImages"
    failure = expect_failure(lambda: send_bytes(server.channel, b"", method=path))
    assert failure.code == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("size", [0, 1, 7, 9, 60, 65])
def test_row_08_sizes_not_multiple_of_8_are_named(server, size):
    failure = refused(server, width=size)
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == ["width"]
    assert list(refused(server, height=size).violations) == ["height"]
    assert set(refused(server, width=size, height=size).violations) == {"width", "height"}


def test_row_08_negative_sizes_are_named(server):
    # A caller's int32 -8 arrives as ten bytes, of which a uint32 keeps the low 32 bits.
    payload = b"".join(_tag(field, 0) + _varint(2**64 - 8) for field in (6, 7))
    failure = expect_failure(lambda: send_bytes(server.channel, payload))
    assert failure.code == INVALID
    assert failure.violations.keys() and failure.violations.keys() <= {"width", "height"}


def test_row_08_all_violations_are_named_at_once(server):
    failure = refused(
        server,
        prompt="a" * 8193,
        width=12,
        height=0,
        num_inference_steps=0,
        guidance_scale=-1,
        num_images=0,
        request_id="not an id",
    )
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert set(failure.violations) == {
        "prompt",
        "width",
        "height",
        "num_inference_steps",
        "guidance_scale",
        "num_images",
        "request_id",
    }


@pytest.mark.parametrize(
    "width, height",
    [
        (2**31 - 8, 2**31 - 8),
        (65536, 65536),  # 2^32 pixels: zero in 32 bits.
        (2**32 - 8, 2**32 - 8),  # Negative in signed 64 bits.
        (2**32 - 8, 8),
        (8, 2**31),
        (2048, 1032),
    ],
)
def test_row_09_sizes_over_the_pixel_limit_cost_no_memory(server, width, height):
    def check():
        failure = refused(server, width=width, height=height)
        assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
        assert failure.violations.keys() and failure.violations.keys() <= {"width", "height"}

    expect_flat_memory(server, check)


def test_row_09_pixel_limit_is_the_servers():
    with LiveServer("--max-pixels", "4096", "--batch-window", "0s") as small:
        assert generate(small, width=64, height=64).images[0].width == 64
        assert refused(small, width=72, height=64).code == INVALID


@pytest.mark.parametrize("steps", [0, 151, 2**31 - 1, UINT32_MAX])
def test_row_10_steps_out_of_range_are_named(server, steps):
    failure = refused(server, num_inference_steps=steps)
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == ["num_inference_steps"]


def test_row_10_most_steps_are_served(server):
    reply = generate(server, num_inference_steps=150, guidance_scale=1)
    assert reply.stats.num_inference_steps == 150


@pytest.mark.parametrize("guidance", [NAN, INFINITY, -INFINITY, -1.0, -1e-300, 50.001, 1e308])
def test_row_11_guidance_out_of_range_is_named(server, guidance):
    neighbour = server.stub.GenerateImages.future(tiny(num_inference_steps=8), timeout=60)
    failure = refused(server, guidance_scale=guidance)
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == ["guidance_scale"]
    assert len(neighbour.result().images) == 1


@pytest.mark.parametrize("guidance", [0.0, 1.0, 50.0])
def test_row_11_guidance_at_its_bounds_is_served(server, guidance):
    assert generate(server, guidance_scale=guidance).stats.guidance_scale == guidance


@pytest.mark.parametrize("seed", [0, 2**32, 2**63, UINT64_MAX])
def test_row_12_any_seed_is_served_and_returned(server, seed):
    first, second = (generate(server, seed=seed).images[0] for _ in range(2))
    assert (first.seed, second.seed) == (seed, seed)
    assert first.data == second.data


def test_row_12_absent_seed_is_drawn_and_reproduces(server):
    request = pb.GenerateImagesRequest(prompt="a cat", num_inference_steps=2)
    drawn = server.stub.GenerateImages(request, timeout=60).images[0]
    assert drawn.seed < 2**32
    request.seed = drawn.seed
    assert server.stub.GenerateImages(request, timeout=60).images[0].data == drawn.data


@pytest.mark.parametrize("count", [0, 17, 2**31 - 1, UINT32_MAX])
def test_row_13_number_of_images_out_of_range_is_named(server, count):
    failure = refused(server, num_images=count)
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == ["num_images"]


def test_row_13_too_many_seeds_are_named(server):
    request = pb.GenerateImagesRequest(seeds=range(17), num_inference_steps=1)
    failure = expect_failure(lambda: server.stub.GenerateImages(request, timeout=60))
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == ["seeds"]


@pytest.mark.parametrize("name", ["no-such-model", "m" * 5000], ids=["short", "long"])
def test_row_14_unknown_model_is_not_found(server, name):
    failure = refused(server, model=name)
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
    echoed = failure.message + str(failure.info)
    assert "m" * 65 not in echoed
    assert name[:10] in echoed


def test_row_14_own_model_is_served(server):
    assert generate(server, model=server.model_id).stats.model == server.model_id


def test_row_14_unknown_scheduler_is_named(server):
    failure = refused(server, scheduler=99)
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == ["scheduler"]


@pytest.mark.parametrize("name", ["../emoji", "/etc/passwd", "emoji\0", "a/b", "..", "a\\b"])
def test_row_15_path_in_a_name_is_named(server, name):
    failure = refused(server, model=name)
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == ["model"]


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "x\0"])
def test_row_15_path_in_a_request_id_is_named(server, name):
    assert list(refused(server, request_id=name).violations) == ["request_id"]


def test_row_16_unknown_fields_are_ignored(server):
    known = tiny(prompt="a cat", output={"format": pb.IMAGE_FORMAT_RAW_RGB}).SerializeToString()
    unknown = _tag(9999, 2) + b"\x03abc" + _tag(500, 0) + b"\x01" + _tag(501, 1) + bytes(8)
    image = send_bytes(server.channel, unknown + known + unknown).images[0]
    assert image.data == pixels(server, prompt="a cat")


@pytest.mark.parametrize(
    "field", ["scheduler", "timestep_spacing", "prompt_syntax", "generator_device", "priority"]
)
@pytest.mark.parametrize("value", [99, 2**31 - 1, -1])
def test_row_16_unknown_enum_values_are_named(server, field, value):
    failure = refused(server, **{field: value})
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == [field]


def test_row_16_unknown_format_is_named(server):
    failure = refused(server, output={"format": 99})
    assert (failure.code, failure.reason) == (INVALID, "INVALID_FIELD")
    assert list(failure.violations) == ["output.format"]


def test_row_17_message_over_the_receive_limit_costs_little_memory(server):
    payload = tiny(prompt="a" * RECEIVE_LIMIT).SerializeToString()

    def check():
        for _ in range(8):
            failure = expect_failure(lambda: send_bytes(server.channel, payload))
            assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED

    # gRPC's own buffers for the message, which stay for the next.
    expect_flat_memory(server, check, slack=2 * RECEIVE_LIMIT + RSS_SLACK)
    neighbour = server.stub.GenerateImages.future(tiny(num_inference_steps=8), timeout=60)
    check()
    assert len(neighbour.result().images) == 1


def test_row_17_message_below_the_receive_limit_is_validated(server):
    assert refused(server, prompt="a" * (RECEIVE_LIMIT - 64)).reason == "PROMPT_TOO_LONG"


@pytest.mark.parametrize("algorithm", [grpc.Compression.Gzip, grpc.Compression.Deflate])
def test_row_18_compressed_request_is_not_inflated(server, algorithm):
    def check():
        channel, zeros = server.open_channel(), bytes(64 << 20)
        failure = expect_failure(lambda: send_bytes(channel, zeros, compression=algorithm))
        assert failure.code == grpc.StatusCode.UNIMPLEMENTED

    expect_flat_memory(server, check)


def test_row_18_small_compressed_request_is_refused(server):
    payload, gzip = tiny(prompt="a red apple " * 100).SerializeToString(), grpc.Compression.Gzip
    failure = expect_failure(lambda: send_bytes(server.channel, payload, compression=gzip))
    assert failure.code == grpc.StatusCode.UNIMPLEMENTED


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _tag(field, wire_type):
    return _varint(field << 3 | wire_type)
