"""What the figures were seen on."""

import importlib.metadata
import platform
import subprocess

import torch
from setting import Setting

_PACKAGES = ("torch", "diffusers", "transformers", "nvidia-cudnn-cu13", "nvidia-cublas", "triton")
_QUERY = "name,driver_version,power.limit,clocks.max.sm,clocks.sm,memory.total,mig.mode.current"


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def run(setting: Setting) -> dict:
    result = {
        "machine": platform.platform(),
        "python": platform.python_version(),
        "packages": {package: _version_of(package) for package in _PACKAGES},
    }
    if setting.is_gpu:
        # Another cuDNN than the wheel's turns fast attention off without a word.
        loaded = torch.backends.cudnn.version()
        query = ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader"]
        result |= {
            "gpu": subprocess.run(query, capture_output=True, text=True).stdout.strip(),
            "compute_capability": torch.cuda.get_device_capability(),
            "multiprocessors": torch.cuda.get_device_properties(0).multi_processor_count,
            "cudnn": loaded,
            "cudnn_attention": torch.backends.cuda.cudnn_sdp_enabled(),
        }
    return result
