"""A real Envoy with the shipped configuration, before real and scripted servers."""

import base64
import json
import re
import time

import grpc
import pytest
import tritonclient.grpc as tritonclient
import yaml
from google.protobuf import json_format
from grpc_health.v1 import health_pb2, health_pb2_grpc

from certificates import Authority
from envoy_proxy import EnvoyProxy
from live_server import LiveServer, wait_until
from protos import REPOSITORY, pb, rpc
from scripted_server import ScriptedServer, image

pytestmark = pytest.mark.timeout(120)
HOST = "darkroom.darkroom.svc.cluster.local"
APPLE = {"prompt": "a red apple", "seed": "7", "num_inference_steps": 2}


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


@pytest.fixture(scope="module")
def envoy(server):
    with EnvoyProxy(server.address) as proxy:
        wait_until(lambda: proxy.healthy() == 1, "the server is found healthy")
        yield proxy


def error_of(body):
    """(the status, {type: detail}) of an error in JSON."""
    found = json.loads(body)
    return found, {detail["@type"].rpartition(".")[2]: detail for detail in found["details"]}


def test_envoy_takes_the_configuration(envoy):
    code, said = envoy.validate()
    assert code == 0, said
    assert "deprecated" not in said.lower() and "[warning]" not in said


def test_a_json_request_gets_the_image_that_grpc_gets(envoy, server):
    status, headers, body = envoy.request("POST", "/v1/images:generate", APPLE)
    assert status == 200 and headers["content-type"] == "application/json", body
    answer = json.loads(body)
    reply = server.stub.GenerateImages(json_format.ParseDict(APPLE, pb.GenerateImagesRequest()))
    assert base64.b64decode(answer["images"][0]["data"]) == reply.images[0].data
    assert reply.images[0].data.startswith(b"\x89PNG")
    assert answer["images"][0]["seed"] == "7"


def test_the_model_is_described_in_json(envoy, server):
    status, _, body = envoy.request("GET", "/v1/model")
    reply = server.stub.GetModel(pb.GetModelRequest())
    assert status == 200
    assert json.loads(body) == json_format.MessageToDict(reply, preserving_proto_field_name=True)


def test_a_stream_is_a_line_of_json_for_each_event(envoy):
    status, _, body = envoy.request("POST", "/v1/images:stream", {"generation": APPLE})
    assert status == 200
    events = [next(iter(json.loads(line))) for line in body.splitlines() if line]
    assert events[0] == "queued" and events[-1] == "completed"
    assert events.count("image") == 1 and "progress" in events


def test_an_invalid_field_is_400_and_named(envoy):
    status, _, body = envoy.request("POST", "/v1/images:generate", {**APPLE, "width": 63})
    found, details = error_of(body)
    assert status == 400 and found["code"] == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert details["ErrorInfo"]["reason"] == "INVALID_FIELD"
    assert details["BadRequest"]["field_violations"][0]["field"] == "width"


@pytest.mark.parametrize(
    "method, path, body, expected",
    [
        ("POST", "/v1/images:generate", {"prompt": ["a red apple"]}, 400),
        ("POST", "/v1/images:generate", "{", 400),
        ("GET", "/v1/model?verbose=1", None, 400),
        ("GET", "/v1/images:generate", None, 404),
        ("GET", "/v2/model", None, 404),
        ("POST", "/v1/images:generate", {"prompt": "x" * (13 << 20)}, 413),
    ],
    ids=["wrong type", "no JSON", "unknown query", "wrong verb", "unknown path", "too large"],
)
def test_what_is_no_request_is_refused(envoy, method, path, body, expected):
    headers = {"content-type": "application/json"}
    status, _, _ = envoy.request(method, path, body, **headers)
    assert status == expected


def test_a_json_callers_deadline_is_the_calls(envoy):
    body = {**APPLE, "num_inference_steps": 150, "num_images": 16}
    headers = {"grpc-timeout": "100m"}
    status, _, _ = envoy.request("POST", "/v1/images:generate", body, **headers)
    assert status == 504


def test_grpc_callers_come_through_but_to_the_service_alone(envoy, server):
    with grpc.insecure_channel(envoy.address) as channel:
        request = json_format.ParseDict(APPLE, pb.GenerateImagesRequest())
        through = rpc.ImageGenerationServiceStub(channel).GenerateImages(request, timeout=60)
        assert through.images[0].data == server.stub.GenerateImages(request).images[0].data
        with pytest.raises(grpc.RpcError) as error:
            health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=20)
        assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_tritons_client_comes_through(envoy):
    with tritonclient.InferenceServerClient(envoy.address) as client:
        assert client.is_server_ready() and client.is_model_ready("emoji")


def test_a_server_with_mutual_tls_and_tokens_is_reached_as_the_page_says(tmp_path):
    authority = Authority("callers")
    pair = authority.issue("darkroom")
    files = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.certificate}
    files["tokens"] = b"web-shop 9f2c41d07ab34e6f8d15\n"
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    flags = ["--tls-cert", tmp_path / "tls.crt", "--tls-key", tmp_path / "tls.key"]
    flags += ["--tls-client-ca", tmp_path / "ca.crt", "--auth-token-file", tmp_path / "tokens"]
    with LiveServer(*flags) as live, EnvoyProxy(live.address, cluster=tls(tmp_path)) as proxy:
        wait_for_healthy(proxy, 1)
        assert proxy.request("GET", "/v1/model")[0] == 401
        headers = {"authorization": "Bearer 9f2c41d07ab34e6f8d15"}
        assert proxy.request("GET", "/v1/model", **headers)[0] == 200


def tls(folder):
    """The page's transport socket, with files in this folder and the tests' name for the server."""
    page = (REPOSITORY / "docs/kubernetes.md").read_text()
    (text,) = re.findall(r"```yaml\n(transport_socket:.*?)```", page, re.DOTALL)
    text = text.replace("/etc/envoy/tls/", f"{folder}/")
    text = text.replace("san_type: DNS", "san_type: IP_ADDRESS")
    return yaml.safe_load(text.replace(f"exact: {HOST}", "exact: 127.0.0.1"))


def answer_with(data):
    return lambda request, context: image(data)


def fail_with(code, *trailers):
    def answer(request, context):
        context.set_trailing_metadata(trailers)
        context.abort(code, "as scripted")

    return answer


def generate(proxy):
    status, headers, body = proxy.request("POST", "/v1/images:generate", {"prompt": "x"})
    return status, headers, json.loads(body)


def proxied(*servers):
    return EnvoyProxy(*(server.address for server in servers))


def wait_for_healthy(proxy, count):
    wait_until(lambda: proxy.healthy() == count, f"{count} servers are healthy", timeout=30)


def test_an_unavailable_server_is_passed_over():
    draining = fail_with(grpc.StatusCode.UNAVAILABLE, ("grpc-retry-pushback-ms", "1"))
    with ScriptedServer(draining) as one, ScriptedServer(answer_with(b"ok")) as other:
        with proxied(one, other) as proxy:
            wait_for_healthy(proxy, 2)
            assert [generate(proxy)[0] for _ in range(40)] == [200] * 40
            assert one.calls["GenerateImages"] > 0 and other.calls["GenerateImages"] == 40


def test_a_full_queue_is_the_callers_to_wait_for():
    full = fail_with(grpc.StatusCode.RESOURCE_EXHAUSTED, ("grpc-retry-pushback-ms", "700"))
    with ScriptedServer(full) as one, ScriptedServer(full) as other, proxied(one, other) as proxy:
        wait_for_healthy(proxy, 2)
        status, headers, _ = generate(proxy)
        assert status == 429 and headers["grpc-retry-pushback-ms"] == "700"
        assert one.calls["GenerateImages"] + other.calls["GenerateImages"] == 1


def test_a_fault_is_not_repeated():
    broken = fail_with(grpc.StatusCode.INTERNAL)
    with ScriptedServer(broken) as one, ScriptedServer(broken) as other:
        with proxied(one, other) as proxy:
            wait_for_healthy(proxy, 2)
            assert generate(proxy)[0] == 500
            assert one.calls["GenerateImages"] + other.calls["GenerateImages"] == 1


def test_calls_spread_over_servers_and_leave_one_that_is_not_ready():
    servers = [ScriptedServer(answer_with(b"ok")) for _ in range(3)]
    with servers[0] as one, servers[1] as two, servers[2] as three, proxied(*servers) as proxy:
        wait_for_healthy(proxy, 3)
        assert all(generate(proxy)[0] == 200 for _ in range(60))
        assert all(server.calls["GenerateImages"] >= 8 for server in servers)
        three.set_ready(False)
        wait_for_healthy(proxy, 2)
        before = three.calls["GenerateImages"]
        assert all(generate(proxy)[0] == 200 for _ in range(30))
        assert three.calls["GenerateImages"] == before
        assert proxy.request("GET", "/healthz")[0] == 200
        one.set_ready(False)
        two.set_ready(False)
        wait_for_healthy(proxy, 0)
        assert proxy.request("GET", "/healthz")[0] == 503
        assert proxy.request("GET", "/v1/model")[0] == 503


def test_the_largest_reply_passes_whole():
    data = bytes(range(256)) * (96 * 4096)  # 96 MiB.
    with ScriptedServer(answer_with(data)) as server, proxied(server) as proxy:
        wait_for_healthy(proxy, 1)
        status, _, answer = generate(proxy)
        assert status == 200
        assert base64.b64decode(answer["images"][0]["data"]) == data


def test_a_call_may_be_silent_for_longer_than_envoy_has_patience_by_default():
    def slow(request, context):
        time.sleep(17)  # A route's default is 15 s.
        return image(b"late")

    with ScriptedServer(slow) as server, proxied(server) as proxy:
        wait_for_healthy(proxy, 1)
        assert generate(proxy)[0] == 200
