"""Copies of the embedded checkpoint with one file changed, and what the server says of them."""

import json
import os
import resource
import struct
import subprocess
from pathlib import Path
from typing import Any

from live_server import LiveServer, clean_environment, program
from protos import REPOSITORY, pb

EMBEDDED = REPOSITORY / "models" / "emoji"
UNET = "unet/diffusion_pytorch_model.fp16.safetensors"
VAE = "vae/diffusion_pytorch_model.fp16.safetensors"
TEXT_ENCODER = "text_encoder/model.fp16.safetensors"

NO_MODEL = 3
# A claim in a file must not become memory; the embedded model takes a tenth of this.
MAX_DATA_BYTES = 4 << 30

Header = dict[str, Any]


def linked_copy(folder: Path) -> Path:
    """The embedded checkpoint as links, the way the Hugging Face cache holds one."""
    for source in EMBEDDED.rglob("*"):
        if source.is_file():
            target = folder / source.relative_to(EMBEDDED)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(source)
    return folder


def replace_bytes(path: Path, content: bytes) -> None:
    """Gives a linked file content of its own."""
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def edit_json(path: Path, **changes: Any) -> None:
    config = json.loads(path.read_text()) | changes
    replace_bytes(path, json.dumps(config).encode())


def read_safetensors(path: Path) -> tuple[Header, bytes]:
    """The parsed header, without its metadata, and the data after it."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
    header.pop("__metadata__", None)
    return header, content[8 + length :]


def write_header(path: Path, header: bytes, data: bytes) -> None:
    replace_bytes(path, struct.pack("<Q", len(header)) + header + data)


def write_safetensors(path: Path, header: Header, data: bytes) -> None:
    write_header(path, json.dumps(header).encode(), data)


def write_tensors(path: Path, header: Header, data: bytes) -> None:
    """Writes the tensors of `header`, found at their offsets in `data`, packed anew."""
    packed, chunks, end = {}, [], 0
    for key, entry in header.items():
        begin, stop = entry["data_offsets"]
        chunks.append(data[begin:stop])
        packed[key] = entry | {"data_offsets": [end, end + stop - begin]}
        end += stop - begin
    write_safetensors(path, packed, b"".join(chunks))


def write_sparse(path: Path, header_length: int, size: int) -> None:
    """A file of `size` bytes that claims a header of `header_length` and takes no disk space."""
    replace_bytes(path, struct.pack("<Q", header_length) + b"{")
    os.truncate(path, size)


def refusal(model):
    """What the server says on standard error when it ends for want of a model."""
    ended = subprocess.run(
        [
            str(program("darkroom-server")),
            *("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"),
            *("--model", str(model)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        env=clean_environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA_BYTES,) * 2),
        check=False,
    )
    assert ended.returncode == NO_MODEL, f"exit {ended.returncode}: {ended.stderr[-4000:]}"
    assert "ready on" not in ended.stdout
    return ended.stderr


def assert_refused(model, *named):
    said = refusal(model)
    for text in named:
        assert text in said, said


def assert_serves(model):
    with LiveServer("--batch-window", "0s", model=model) as live:
        request = pb.GenerateImagesRequest(prompt="a red apple", num_inference_steps=1)
        assert len(live.stub.GenerateImages(request, timeout=60).images) == 1
