"""The Open Inference Protocol over a real socket, with Triton's own client and load generator."""

import csv
import importlib.metadata
import io
import json
import os
import pathlib
import signal
import subprocess
import sys

import grpc
import numpy
import pytest
from PIL import Image
from tritonclient.grpc import InferenceServerClient, InferInput, InferRequestedOutput
from tritonclient.grpc import service_pb2 as oip
from tritonclient.grpc.service_pb2_grpc import GRPCInferenceServiceStub

from draws import draw_prompt, seeded_random
from live_server import LiveServer, wait_until
from pictures import assert_same_picture, pixels_of, raw_request
from rpc_errors import expect_failure
from surviving_server import surviving_server

pytestmark = pytest.mark.timeout(300)

CALLS = 4
STEPS = 2
WINDOW = 4  # Requests that the load generator measures at once.
APPLE = b"\x05\x00\x00\x00apple"
SEED = (7).to_bytes(8, "little")
PROMPT_OF_ONE_DIMENSION = oip.ModelInferRequest.InferInputTensor(
    name="PROMPT", datatype="BYTES", shape=[1]
)
DTYPES = {"BYTES": object, "UINT64": numpy.uint64, "INT64": numpy.int64}
DTYPES |= {"INT32": numpy.int32, "FP32": numpy.float32}


@pytest.fixture(scope="module")
def server():
    with surviving_server() as live:
        yield live


@pytest.fixture
def client(server):
    with client_of(server) as triton:
        yield triton


def client_of(live):
    options = {"grpc.max_receive_message_length": 64 << 20, "grpc.enable_http_proxy": 0}
    return InferenceServerClient(live.address, channel_args=list(options.items()))


def column(name, datatype, values):
    tensor = InferInput(name, [len(values), 1], datatype)
    texts = [v.encode() if isinstance(v, str) else v for v in values]
    tensor.set_data_from_numpy(numpy.array(texts, DTYPES[datatype]).reshape(-1, 1))
    return tensor


def pictures(result):
    """[(seed, picture)] of a result, row by row."""
    seeds, files = result.as_numpy("SEED"), result.as_numpy("IMAGE")
    assert seeds.shape == files.shape == (len(files), 1)
    images = [Image.open(io.BytesIO(file)) for file in files[:, 0]]
    assert all(image.format == "PNG" for image in images)
    return [(int(seed), numpy.asarray(i)) for seed, i in zip(seeds[:, 0], images, strict=True)]


def same_row_alone(live, **fields):
    image = live.stub.GenerateImages(raw_request(num_images=1, **fields)).images[0]
    return image.seed, pixels_of(image)


def infer_request(model, **fields):
    """Two raw inputs of one row, PROMPT and SEED, or what the fields say."""
    tensor = oip.ModelInferRequest.InferInputTensor
    inputs = [
        tensor(name="PROMPT", datatype="BYTES", shape=[1, 1]),
        tensor(name="SEED", datatype="UINT64", shape=[1, 1]),
    ]
    given = {"model_name": model, "inputs": inputs, "raw_input_contents": [APPLE, SEED], **fields}
    return oip.ModelInferRequest(**given)


def success_counts(client, live):
    stats = client.get_inference_statistics(live.model_id).model_stats
    assert [(s.name, s.version) for s in stats] == [(live.model_id, "1")]
    inference = stats[0].inference_stats
    parts = (inference.queue, inference.compute_input, inference.compute_infer)
    parts += (inference.compute_output,)
    assert {part.count for part in parts} == {inference.success.count}
    assert inference.success.ns >= max(part.ns for part in parts)
    return inference.success.count, stats[0].inference_count, stats[0].execution_count


def test_client_finds_server_and_model(server, client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready(server.model_id)
    assert client.is_model_ready(server.model_id, "1")
    assert not client.is_model_ready("apple")
    assert not client.is_model_ready(server.model_id, "2")
    extensions = set(client.get_server_metadata().extensions)
    assert extensions == {"model_configuration", "schedule_policy", "statistics"}
    metadata = client.get_model_metadata(server.model_id)
    config = client.get_model_config(server.model_id).config
    assert [tensor.name for tensor in metadata.inputs] == [tensor.name for tensor in config.input]
    assert [tensor.name for tensor in config.input if not tensor.optional] == ["PROMPT"]
    assert config.max_batch_size >= 1


def test_rows_are_the_images_that_the_other_service_makes(server, client):
    rng = seeded_random()
    limit = client.get_model_config(server.model_id).config.max_batch_size
    for _ in range(CALLS):
        rows = rng.randint(1, min(limit, 4))
        prompts = [draw_prompt(rng) for _ in range(rows)]
        seeds = [rng.getrandbits(63) for _ in range(rows)]
        steps = [rng.randint(1, 4) for _ in range(rows)]
        guidance = [rng.choice([1.0, 2.5, 7.5]) for _ in range(rows)]
        inputs = [
            column("SEED", rng.choice(["UINT64", "INT64"]), seeds),
            column("PROMPT", "BYTES", prompts),
            column("STEPS", "INT32", steps),
            column("GUIDANCE", "FP32", guidance),
            column("NEGATIVE_PROMPT", "BYTES", prompts[::-1]),
        ]
        result = client.infer(server.model_id, inputs, request_id="row-test", model_version="1")
        answer = result.get_response()
        assert (answer.id, answer.model_name, answer.model_version) == (
            "row-test",
            server.model_id,
            "1",
        )
        made = pictures(result)
        assert [seed for seed, _ in made] == seeds
        row = rng.randrange(rows)
        _, alone = same_row_alone(
            server,
            prompt=prompts[row],
            negative_prompt=prompts[::-1][row],
            seed=seeds[row],
            num_inference_steps=steps[row],
            guidance_scale=guidance[row],
        )
        assert_same_picture(made[row][1], alone, f"row {row}")


def test_seeds_that_are_not_given_are_drawn_and_told(server, client):
    inputs = [column("PROMPT", "BYTES", ["a cat"] * 2), column("STEPS", "INT32", [STEPS] * 2)]
    made = pictures(client.infer(server.model_id, inputs))
    assert made[0][0] != made[1][0]
    for seed, picture in made:
        _, alone = same_row_alone(server, prompt="a cat", seed=seed, num_inference_steps=STEPS)
        assert_same_picture(picture, alone, f"seed {seed}")


def test_only_requested_outputs_come(server, client):
    inputs = [column("PROMPT", "BYTES", ["a cat"]), column("SEED", "UINT64", [2**64 - 1])]
    inputs.append(column("STEPS", "INT32", [1]))
    result = client.infer(server.model_id, inputs, outputs=[InferRequestedOutput("SEED")])
    assert result.as_numpy("SEED").tolist() == [[2**64 - 1]]
    assert result.as_numpy("IMAGE") is None


def test_typed_contents_and_any_id_do_too(server):
    tensor = oip.ModelInferRequest.InferInputTensor
    contents = oip.InferTensorContents
    inputs = [
        tensor(
            name="PROMPT",
            datatype="BYTES",
            shape=[1, 1],
            contents=contents(bytes_contents=[b"a cat"]),
        ),
        tensor(name="SEED", datatype="INT64", shape=[1, 1], contents=contents(int64_contents=[9])),
        tensor(name="STEPS", datatype="INT32", shape=[1, 1], contents=contents(int_contents=[1])),
    ]
    request = infer_request(server.model_id, inputs=inputs, raw_input_contents=[], id="an id, é")
    answer = GRPCInferenceServiceStub(server.channel).ModelInfer(request)
    assert answer.id == "an id, é"
    assert answer.raw_output_contents[1] == (9).to_bytes(8, "little")


def inputs_with(index, **fields):
    inputs = infer_request("").inputs
    inputs[index].MergeFrom(oip.ModelInferRequest.InferInputTensor(**fields))
    return list(inputs)


BAD = {
    "no inputs": ({"inputs": [], "raw_input_contents": []}, "inputs"),
    "unknown input": ({"inputs": inputs_with(1, name="SEEDS")}, "inputs[1].name"),
    "input twice": (
        {"inputs": inputs_with(1, name="PROMPT", datatype="BYTES")},
        "inputs[1].name",
    ),
    "no batch dimension": (
        {"inputs": [PROMPT_OF_ONE_DIMENSION], "raw_input_contents": [APPLE]},
        "inputs[0].shape",
    ),
    "three dimensions": ({"inputs": inputs_with(0, shape=[1])}, "inputs[0].shape"),
    "wrong datatype": ({"inputs": inputs_with(1, datatype="FP64")}, "inputs[1].datatype"),
    "unknown output": (
        {"outputs": [oip.ModelInferRequest.InferRequestedOutputTensor(name="PICTURE")]},
        "outputs[0].name",
    ),
    "length past the end": (
        {"raw_input_contents": [b"\xff\xff\xff\xffapple", SEED]},
        "raw_input_contents[0]",
    ),
    "half a length": ({"raw_input_contents": [b"\x01\x00", SEED]}, "raw_input_contents[0]"),
    "short number": ({"raw_input_contents": [APPLE, SEED[:7]]}, "raw_input_contents[1]"),
    "not UTF-8": ({"raw_input_contents": [b"\x01\0\0\0\xff", SEED]}, "raw_input_contents[0]"),
    "one raw for two": ({"raw_input_contents": [APPLE]}, "raw_input_contents"),
    "raw and typed": (
        {"inputs": inputs_with(1, contents=oip.InferTensorContents(uint64_contents=[7]))},
        "inputs[1].contents",
    ),
    "no data": ({"raw_input_contents": []}, "inputs[0].contents"),
    "negative priority": (
        {"parameters": {"priority": oip.InferParameter(int64_param=-1)}},
        "parameters[priority]",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_row_25_bad_requests_are_told_which_field(server, what):
    fields, path = BAD[what]
    stub = GRPCInferenceServiceStub(server.channel)
    failure = expect_failure(lambda: stub.ModelInfer(infer_request(server.model_id, **fields)))
    assert (failure.code, failure.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert path in failure.violations


def test_more_rows_than_a_batch_are_refused(server, client):
    rows = client.get_model_config(server.model_id).config.max_batch_size + 1
    tensor = oip.ModelInferRequest.InferInputTensor
    request = infer_request(
        server.model_id,
        inputs=[tensor(name="PROMPT", datatype="BYTES", shape=[rows, 1])],
        raw_input_contents=[APPLE * rows],
    )
    stub = GRPCInferenceServiceStub(server.channel)
    failure = expect_failure(lambda: stub.ModelInfer(request))
    assert failure.code == grpc.StatusCode.INVALID_ARGUMENT
    assert set(failure.violations) == {"inputs[0].shape"}


def test_values_are_held_to_the_service_s_rules(server):
    tensor = oip.ModelInferRequest.InferInputTensor
    long_prompt = (8193).to_bytes(4, "little") + b"x" * 8193
    request = infer_request(server.model_id, raw_input_contents=[long_prompt, SEED])
    stub = GRPCInferenceServiceStub(server.channel)
    failure = expect_failure(lambda: stub.ModelInfer(request))
    assert failure.reason == "PROMPT_TOO_LONG"
    for name, datatype, raw in (
        ("STEPS", "INT32", (0).to_bytes(4, "little")),
        ("STEPS", "INT32", (100_000).to_bytes(4, "little")),
        ("GUIDANCE", "FP32", numpy.float32("nan").tobytes()),
    ):
        request = infer_request(
            server.model_id,
            inputs=[
                tensor(name="PROMPT", datatype="BYTES", shape=[1, 1]),
                tensor(name=name, datatype=datatype, shape=[1, 1]),
            ],
            raw_input_contents=[APPLE, raw],
        )
        failure = expect_failure(lambda: stub.ModelInfer(request))
        assert failure.code == grpc.StatusCode.INVALID_ARGUMENT, name


@pytest.mark.parametrize("fields", [{"model_name": "apple"}, {"model_version": "2"}])
def test_row_26_other_models_and_versions_are_not_found(server, fields):
    stub = GRPCInferenceServiceStub(server.channel)
    failure = expect_failure(lambda: stub.ModelInfer(infer_request(server.model_id, **fields)))
    assert (failure.code, failure.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")


def test_row_26_unknown_parameters_are_ignored(server):
    parameters = {
        "colour": oip.InferParameter(string_param="blue"),
        "sequence_id": oip.InferParameter(int64_param=7),
    }
    request = infer_request(server.model_id, parameters=parameters)
    answer = GRPCInferenceServiceStub(server.channel).ModelInfer(request)
    plain = GRPCInferenceServiceStub(server.channel).ModelInfer(infer_request(server.model_id))
    assert answer.raw_output_contents == plain.raw_output_contents


def test_calls_that_we_do_not_have_say_so(server):
    stub = GRPCInferenceServiceStub(server.channel)
    failure = expect_failure(lambda: stub.RepositoryIndex(oip.RepositoryIndexRequest()))
    assert failure.code == grpc.StatusCode.UNIMPLEMENTED
    failure = expect_failure(
        lambda: list(stub.ModelStreamInfer(iter([infer_request(server.model_id)])))
    )
    assert failure.code == grpc.StatusCode.UNIMPLEMENTED


def test_timeout_parameter_is_a_deadline(server):
    request = infer_request(
        server.model_id, parameters={"timeout": oip.InferParameter(int64_param=1)}
    )
    stub = GRPCInferenceServiceStub(server.channel)
    failure = expect_failure(lambda: stub.ModelInfer(request))
    assert failure.code == grpc.StatusCode.DEADLINE_EXCEEDED


def test_statistics_count_requests_and_rows(server, client):
    before = success_counts(client, server)
    for rows in (1, 2):
        inputs = [column("PROMPT", "BYTES", ["a cat"] * rows)]
        inputs.append(column("STEPS", "INT32", [STEPS] * rows))
        client.infer(server.model_id, inputs)
    after = success_counts(client, server)
    assert (after[0] - before[0], after[1] - before[1]) == (2, 3)
    assert 1 <= after[2] - before[2] <= 3


def test_a_server_that_drains_is_live_and_not_ready():
    with LiveServer("--lame-duck", "5s") as live, client_of(live) as client:
        live.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not client.is_server_ready(), "the server is not ready")
        assert client.is_server_live()
        assert not client.is_model_ready(live.model_id)


def perf_analyzer(live, folder, *flags):
    """Runs Triton's load generator; its output, and its one row of measurements."""
    files = importlib.metadata.files("nvidia-cuda-runtime-cu12")
    cuda = next(file.locate() for file in files if file.name == "libcudart.so.12")
    data = folder / "data.json"
    apple = {"PROMPT": ["a red apple"], "STEPS": [STEPS], "SEED": [7]}
    data.write_text(json.dumps({"data": [apple]}))
    report = folder / "report.csv"
    command = [pathlib.Path(sys.executable).with_name("perf_analyzer"), "-m", live.model_id]
    command += ["-i", "grpc", "-u", live.address, "--input-data", data, "-f", report]
    # Any three windows of so many requests: how fast the machine is does not matter here.
    command += ["--measurement-mode", "count_windows", "--measurement-request-count", str(WINDOW)]
    command += ["--stability-percentage", "999", *flags]
    run = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, "LD_LIBRARY_PATH": str(pathlib.Path(cuda).parent)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=200,
    )
    assert run.returncode == 0, run.stdout
    with report.open() as lines:
        (row,) = csv.DictReader(lines)
    return run.stdout, row


def test_perf_analyzer_measures_us_with_our_statistics(server, client, tmp_path):
    before = success_counts(client, server)
    output, row = perf_analyzer(server, tmp_path, "-b", "2", "--concurrency-range", "2")
    after = success_counts(client, server)
    assert float(row["Inferences/Second"]) > 0, output
    assert "Throughput:" in output and "Inference count:" in output, output
    assert "Failed" not in output, output
    assert int(row["Server Compute Infer"]) > 0, output
    requests = after[0] - before[0]
    assert requests >= 3 * WINDOW
    assert after[1] - before[1] == 2 * requests
