"""The pages say what the programs do: names, defaults, links and examples, compared both ways."""

import ast
import functools
import importlib.metadata
import json
import os
import pathlib
import re
import subprocess
import sys

import grpc
import pytest
from google.protobuf import json_format
from grpc_health.v1 import health_pb2, health_pb2_grpc

from live_server import LiveServer, clean_environment, program, wait_until
from protos import REPOSITORY, pb

pytestmark = pytest.mark.timeout(240)

API = (REPOSITORY / "docs/api.md").read_text()
README = (REPOSITORY / "README.md").read_text()
OPERATIONS = (REPOSITORY / "docs/operations.md").read_text()
CONTRIBUTING = (REPOSITORY / "CONTRIBUTING.md").read_text()
MESSAGES = pb.DESCRIPTOR.message_types_by_name
NOT_OURS = {"..", "build", "demo"}
PAGES = [
    page
    for page in sorted(REPOSITORY.rglob("*.md"))
    if not any(
        part in NOT_OURS or part.startswith(".") for part in page.relative_to(REPOSITORY).parts
    )
]
# A fenced block marked for this test, with its environment: <!-- test: NAME=VALUE -->.
EXAMPLE = re.compile(r"<!-- test(?:: (\w+)=(\S+))? -->\n```(\w+)\n(.*?)```", re.DOTALL)
HELP_FLAG = re.compile(r"^ +(?:-h,)?(--[\w-]+)", re.MULTILINE)
HELP_DEFAULT = re.compile(r"^ +(--[\w-]+) [^\n]*?[^\n ]=\[?([^\]\s]+)\]?(?: |$)", re.MULTILINE)


def page_names():
    return [str(page.relative_to(REPOSITORY)) for page in PAGES]


def section(text, title):
    """The lines below a `## title`, up to the next."""
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert found, f"no section {title}"
    return found[1]


def subsection(title):
    """The lines below a `### title` of the API's page, up to the next."""
    return section(API.replace("\n### ", "\n## "), title)


def table(text, heading):
    """The rows of the table whose first heading is this, as lists of cells."""
    lines = text.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(f"| {heading} |")]
    assert starts, f"no table of {heading}"
    rows = []
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def code(cell):
    return re.findall(r"`([^`]+)`", cell)


def flags_in(rows):
    return {re.match(r"--[\w-]+", text)[0]: row for row in rows for text in code(row[0])}


@functools.cache
def help_of(*command):
    name, *rest = command
    done = subprocess.run(
        [program(name), *rest, "--help"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=clean_environment(),
    )
    return done.stdout


@pytest.fixture(scope="module")
def server():
    with LiveServer() as live:
        yield live


@pytest.mark.parametrize(
    "command, part",
    [
        (["darkroom-server"], section(API, "darkroom-server")),
        (["darkroom"], section(API, "darkroom").partition("###")[0]),
        (["darkroom", "generate"], subsection("generate")),
        (["darkroom", "describe"], subsection("describe")),
        (["darkroom", "health"], subsection("health command")),
        (["darkroom", "bench"], subsection("bench")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_flags_and_their_defaults_are_those_of_the_help(command, part):
    text = help_of(*command)
    rows = flags_in(table(part, "flag"))
    assert set(HELP_FLAG.findall(text)) == set(rows)
    # What the embedded model, the terminal or another flag decides has words in its cell.
    defaults = dict(HELP_DEFAULT.findall(text))
    plain = {flag: row[1][1:-1] for flag, row in rows.items() if re.fullmatch("`[^`]+`", row[1])}
    assert plain == {flag: defaults.get(flag) for flag in plain}


def test_commands_are_those_of_the_help():
    commands = help_of("darkroom").partition("Subcommands:")[2]
    named = [code(row[0])[0] for row in table(section(API, "darkroom"), "command")]
    assert named == re.findall(r"^ +(\w+) ", commands, re.MULTILINE)


def test_keys_of_a_mix_are_those_of_the_code():
    source = (REPOSITORY / "client/cli/bench/request_mix.cc").read_text()
    fields = re.search(r"kFields\[\] = \{(.*?)\n\};", source, re.DOTALL)[1]
    named = {name for row in table(subsection("bench"), "key") for name in code(row[0])}
    assert named == set(re.findall(r'\{"(\w+)",', fields))


def test_mixes_that_are_built_in_are_those_of_the_help():
    named = [code(row[0])[0] for row in table(subsection("bench"), "mix")]
    assert f"{', '.join(named)} or a JSON file" in help_of("darkroom", "bench")


def test_every_server_flag_has_its_environment_variable():
    variables = dict(re.findall(r"^ +(--[\w-]+) .*\(Env:(\w+)\)", help_of("darkroom-server"), re.M))
    questions = {"--help", "--version", "--check-config", "--print-config"}
    assert set(variables) == set(flags_in(table(API, "flag"))) - questions
    for flag, variable in variables.items():
        assert variable == "DARKROOM_" + flag[2:].upper().replace("-", "_")


def test_health_names_are_those_of_the_server(server):
    rows = table(section(API, "Health"), "service")
    names = [(code(row[0]) or [""])[0] for row in rows]
    assert len(set(names)) == 3
    for name in names:
        request = health_pb2.HealthCheckRequest(service=name)
        reply = health_pb2_grpc.HealthStub(server.channel).Check(request)
        assert reply.status == health_pb2.HealthCheckResponse.SERVING, name


def test_error_reasons_are_those_of_the_code():
    header = (REPOSITORY / "server/status_details.h").read_text()
    reasons = re.findall(r'kReason\w+\[\] = "(\w+)"', header)
    assert reasons
    assert [code(row[0])[0] for row in table(API, "reason")] == reasons


def test_metrics_and_their_labels_are_those_of_a_scrape(server):
    live = {}
    for name, labels in server.metrics():
        if name.startswith("darkroom_"):
            names = {label for label, _ in labels} - {"le"}
            live.setdefault(re.sub("_(bucket|sum|count)$", "", name), set()).update(names)
    named = {code(row[0])[0]: set(code(row[2])) for row in table(API, "metric")}
    assert named == live


def test_requests_fields_are_those_of_the_proto():
    rows = table(section(API, "Request"), "field")
    named = [field for row in rows for field in code(row[0])]
    fields = MESSAGES["GenerateImagesRequest"].fields_by_name
    assert sorted(named) == sorted(fields)
    for row in rows:
        kinds = {kind_of(fields[field]) for field in code(row[0])}
        assert kinds == {row[1]}, row


def kind_of(field):
    if field.enum_type:
        return field.enum_type.name
    label = "repeated " if field.is_repeated else ""
    if field.message_type:
        return label + field.message_type.name
    names = {field.TYPE_STRING: "string", field.TYPE_UINT32: "uint32"}
    names |= {field.TYPE_UINT64: "uint64", field.TYPE_DOUBLE: "double"}
    presence = "optional " if field.has_presence else ""
    return label + presence + names[field.type]


def test_methods_are_those_of_the_proto():
    service = pb.DESCRIPTOR.services_by_name["ImageGenerationService"]
    named = [code(row[0])[0] for row in table(API, "method")]
    assert named == [method.name for method in service.methods]


def test_events_of_a_stream_are_those_of_the_proto():
    fields = MESSAGES["StreamImagesResponse"].oneofs_by_name["event"].fields
    named = [(*code(row[0]), *code(row[1])) for row in table(section(API, "Streams"), "event")]
    assert named == [(field.name, field.message_type.name) for field in fields]


def leaves(message, prefix=""):
    """The paths of a message's fields, those of its own nested messages one by one."""
    for field in message.fields:
        nested = field.message_type
        if nested is not None and nested.containing_type is message:
            yield from leaves(nested, f"{field.name}.")
        else:
            yield prefix + field.name


def test_the_models_description_is_what_a_server_answers(server):
    rows = table(section(API, "Model"), "field")
    assert [path for row in rows for path in code(row[0])] == list(
        leaves(MESSAGES["GetModelResponse"])
    )
    reply = server.stub.GetModel(pb.GetModelRequest())
    answer = json_format.MessageToDict(reply, preserving_proto_field_name=True)
    for names, value, _ in rows:
        if not re.fullmatch("`[^`]+`", value):  # Words.
            continue
        for path in code(names):
            found = answer
            for part in path.split("."):
                found = found[part]
            assert str(found) == value[1:-1], path


def test_fields_of_the_log_are_those_that_it_has(server):
    request = pb.GenerateImagesRequest(prompt="a red apple", num_inference_steps=1)
    trace = f"00-{'1' * 32}-{'2' * 16}-01"
    server.stub.GenerateImages(request, metadata=[("traceparent", trace)])
    with pytest.raises(grpc.RpcError):
        server.stub.GenerateImages(pb.GenerateImagesRequest(num_inference_steps=0))
    documented = {name for row in table(OPERATIONS, "field") for name in code(row[0])}

    def logged():
        lines = [json.loads(line) for line in server.log().splitlines() if line.startswith("{")]
        return {name for line in lines if "code" in line for name in line}

    wait_until(lambda: logged() == documented - {"prompt"}, "lines with all fields but the prompt")


def test_events_of_the_log_are_those_of_the_code():
    sources = [path.read_text() for path in sorted((REPOSITORY / "server").glob("*.cc"))]
    logged = {name for text in sources for name in re.findall(r'LogEvent\([^;"]*"(\w+)"', text)}
    named = {name for row in table(OPERATIONS, "event") for name in code(row[0])}
    assert logged and named == logged


@pytest.mark.parametrize("message", sorted(MESSAGES))
def test_every_message_is_described_with_all_its_fields(message):
    described = "".join(section(API, title) for title in ("Request", "Reply", "Streams", "Model"))
    assert f"`{message}`" in described or message == "GenerateImagesRequest"
    nested = [MESSAGES[message], *MESSAGES[message].nested_types]
    for field in (field.name for part in nested for field in part.fields):
        assert re.search(rf"\b{field}\b", described), field


def test_enum_values_are_those_of_the_proto():
    enums = pb.DESCRIPTOR.enum_types_by_name
    rows = table(section(API, "Enums"), "enum")
    assert sorted(row[0] for row in rows) == sorted(enums)
    for name, built, not_built in rows:
        values = [value.name for value in enums[name].values if value.number]
        assert sorted(code(built) + code(not_built)) == sorted(values)


@pytest.mark.parametrize("page", page_names())
def test_flags_and_metrics_that_are_named_exist(page):
    text = (REPOSITORY / page).read_text()
    helps = [[], *([row[0].split("`")[1]] for row in table(section(API, "darkroom"), "command"))]
    flags = set(HELP_FLAG.findall(help_of("darkroom-server")))
    flags = flags.union(*(HELP_FLAG.findall(help_of("darkroom", *words)) for words in helps))
    assert set(re.findall(r"`(--[a-z][\w-]*)", text)) <= flags
    metrics = {code(row[0])[0] for row in table(API, "metric")}
    assert set(re.findall(r"`(darkroom_\w+)", text)) <= metrics


@pytest.mark.parametrize("page", page_names())
def test_links_lead_somewhere(page):
    page = REPOSITORY / page
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", linked.read_text(), re.MULTILINE)
            anchors = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}
            assert anchor in anchors, target


@pytest.mark.parametrize("page", page_names())
def test_files_that_are_named_exist(page):
    for text in re.findall(r"`([\w.+-]+(?:/[\w.+-]+)*/?)`", (REPOSITORY / page).read_text()):
        top = text.split("/")[0]
        if "/" in text and top not in NOT_OURS and (REPOSITORY / top).exists():
            assert (REPOSITORY / text).exists(), text


def test_examples_of_the_pages_run(server, tmp_path):
    (tmp_path / "build/release").mkdir(parents=True)
    (tmp_path / "build/release/bin").symlink_to(program("darkroom").parent)
    (tmp_path / "proto").symlink_to(REPOSITORY / "proto")
    pages = README + OPERATIONS  # In this order: the first makes the stubs.
    examples = EXAMPLE.findall(pages)
    assert len(examples) == pages.count("<!-- test")
    for variable, value, language, text in examples:
        environment = clean_environment({"DARKROOM_SERVER": server.address})
        environment["PATH"] = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        environment |= {variable: value} if variable else {}
        shell = {"sh": ["bash", "-euc"], "python": ["python3", "-c"]}[language]
        done = subprocess.run(
            [*shell, text.replace("127.0.0.1:50051", server.address)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
    assert len(list(tmp_path.glob("pictures/*-0-7.png"))) == 2
    for name in ("pictures/contact-sheet.png", "apple.png", "apple-streamed.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_cpp_clients_policy_is_the_advice():
    (advice,) = re.findall(r"^policy = (\{.*?^\})", OPERATIONS, re.DOTALL | re.MULTILINE)
    source = (REPOSITORY / "client/cpp/channel.cc").read_text()
    (policy,) = re.findall(r'kServiceConfig\[\] = R"\((.*?)\)"', source, re.DOTALL)
    assert json.loads(policy) == ast.literal_eval(advice)


def test_cpp_example_uses_names_that_exist():
    (snippet,) = re.findall(r"```cpp\n(.*?)```", README, re.DOTALL)
    (include,) = re.findall(r'#include "(.*)"', snippet)
    header = (REPOSITORY / include).read_text()
    for name in ("class ImageClient", "using Reply", "Reply GenerateImages("):
        assert name in header and name.split()[1].strip("(") in snippet
    setters = re.findall(r"\.set_(\w+)\(", snippet)
    assert setters and set(setters) <= set(MESSAGES["GenerateImagesRequest"].fields_by_name)
    for owner, getter in (("GenerateImagesResponse", "images"), ("Image", "data")):
        assert f"{getter}(" in snippet and getter in MESSAGES[owner].fields_by_name


def dependencies(heading):
    """Each package of the table, with its version."""
    pairs = {}
    for names, versions, reason in table(CONTRIBUTING, heading):
        found, given = code(names), versions.split(", ")
        assert reason and len(given) in (1, len(found)), names
        pairs |= dict(zip(found, given * len(found) if len(given) == 1 else given, strict=True))
    return pairs


def test_debian_packages_have_their_reasons():
    lists = [REPOSITORY / "tools" / f"packages-{kind}.txt" for kind in ("build", "test", "bench")]
    lines = [line.partition("#")[0] for path in lists for line in path.read_text().splitlines()]
    assert set(dependencies("Debian package")) == set(" ".join(lines).split())


def test_python_packages_have_their_reasons_and_pins():
    pins = {}
    for kind in ("torch", "cuda", "test", "bench"):
        text = (REPOSITORY / f"tools/requirements-{kind}.txt").read_text()
        pins[kind] = dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
    named = dependencies("Python package")
    pinned = pins["torch"] | pins["cuda"] | pins["test"] | pins["bench"]
    assert named == {name: pinned.get(name) for name in named}
    assert set(named) >= set(pins["torch"]) | imported_distributions()


def test_source_packages_have_their_reasons_pins_and_hashes():
    text = (REPOSITORY / "tools/source-abseil.txt").read_text()
    pins = re.findall(r"^([\w.-]+)==(\S+) --hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert pins and dependencies("source package on PyPI") == dict(pins)


def imported_distributions():
    """The Python packages that the tests import."""
    modules = set()
    for path in (REPOSITORY / "tests").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.split(".")[0])
    owners = importlib.metadata.packages_distributions()
    return {owner for module in modules for owner in owners.get(module, [])}
