"""What PyPI's diffusers makes of a case."""

import io
import sys
import warnings
from pathlib import Path

import diffusers
import numpy as np
import torch
from cases import Case
from diffusers import StableDiffusionXLImg2ImgPipeline, StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging
from diffusers.utils import torch_utils
from PIL import Image, ImageOps
from transformers.utils import logging as transformers_logging

from curand import CudaGenerator

_SCHEDULERS = {
    "EULER": (diffusers.EulerDiscreteScheduler, {}),
    "EULER_ANCESTRAL": (diffusers.EulerAncestralDiscreteScheduler, {}),
    "DPMPP_2M": (diffusers.DPMSolverMultistepScheduler, {}),
    "DPMPP_2M_KARRAS": (diffusers.DPMSolverMultistepScheduler, {"use_karras_sigmas": True}),
    "DPMPP_2M_SDE": (diffusers.DPMSolverMultistepScheduler, {"algorithm_type": "sde-dpmsolver++"}),
    "DDIM": (diffusers.DDIMScheduler, {}),
    "UNIPC": (diffusers.UniPCMultistepScheduler, {}),
    "HEUN": (diffusers.HeunDiscreteScheduler, {}),
    "LCM": (diffusers.LCMScheduler, {}),
}


_torch_randn_tensor = torch_utils.randn_tensor


def _randn_tensor(shape, generator=None, device=None, dtype=None, layout=None):
    if isinstance(generator, CudaGenerator):
        return generator.randn(shape, dtype).to(device or "cpu")
    return _torch_randn_tensor(shape, generator, device, dtype, layout)


def _accept_cuda_generators() -> None:
    """diffusers draws all its noise with one function, which every module holds by name."""
    for module in list(sys.modules.values()):
        if getattr(module, "randn_tensor", None) is _torch_randn_tensor:
            module.randn_tensor = _randn_tensor


def variant_of(folder: Path) -> str | None:
    """What diffusers calls the kind of weights that the checkpoint has."""
    return "fp16" if any(folder.glob("unet/*.fp16*")) else None


def load_pipeline(folder: Path, dtype: torch.dtype = torch.float32) -> StableDiffusionXLPipeline:
    """The checkpoint in this dtype, whatever its files hold."""
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        pipeline = StableDiffusionXLPipeline.from_pretrained(
            folder,
            variant=variant_of(folder),
            torch_dtype=dtype,
            add_watermarker=False,
            local_files_only=True,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def read_picture(file: bytes, size: tuple[int, int] | None) -> Image.Image:
    """An upright picture of this height and width, or else its own in multiples of 8."""
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(file))).convert("RGB")
    height, width = size or (picture.height // 8 * 8, picture.width // 8 * 8)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


class Oracle:
    """A checkpoint in diffusers."""

    def __init__(self, folder: Path, dtype: torch.dtype = torch.float32):
        self._pipeline = load_pipeline(folder, dtype)
        self._image_to_image = StableDiffusionXLImg2ImgPipeline(
            **self._pipeline.components,
            force_zeros_for_empty_prompt=self._pipeline.config.force_zeros_for_empty_prompt,
            add_watermarker=False,
        )
        self._image_to_image.set_progress_bar_config(disable=True)
        self._scheduler_config = self._pipeline.scheduler.config
        self._default_scheduler = "EULER"  # Of every checkpoint that we compare.
        _accept_cuda_generators()

    def enable_vae_tiling(self) -> None:
        self._pipeline.vae.enable_tiling()

    def image(self, case: Case) -> np.ndarray:
        """The image in one diffusers call: [height, width, 3], 8 bits."""
        return (self.exact_image(case) * 255).round().astype(np.uint8)

    def exact_image(self, case: Case) -> np.ndarray:
        """Likewise, before rounding: 0 to 1."""
        given = {
            "prompt_2": case.prompt_2,
            "negative_prompt": case.negative_prompt,
            "negative_prompt_2": case.negative_prompt_2,
            "guidance_scale": case.guidance,
            "guidance_rescale": case.guidance_rescale,
            "clip_skip": case.clip_skip,
            "denoising_end": case.denoising_end,
        }
        if case.init_image is None:
            pipeline = self._pipeline
            if case.size:
                given["height"], given["width"] = case.size
        else:
            pipeline = self._image_to_image
            given["image"] = read_picture(case.init_image, case.size)
            given["strength"] = case.strength
            given["denoising_start"] = case.denoising_start
            # The two pipelines' own defaults differ; ours has one.
            given["guidance_scale"] = 5.0 if case.guidance is None else case.guidance
        pipeline.scheduler = self._scheduler_for(case)
        [image] = pipeline(
            prompt=case.prompt,
            num_inference_steps=case.steps,
            generator=_generator_for(case),
            output_type="np",
            **{name: value for name, value in given.items() if value is not None},
            **case.micro,
        ).images
        return image

    def _scheduler_for(self, case: Case):
        spacing = {"timestep_spacing": case.spacing} if case.spacing else {}
        scheduler, changes = _SCHEDULERS[case.scheduler or self._default_scheduler]
        return scheduler.from_config(self._scheduler_config, **changes, **spacing)


def _generator_for(case: Case) -> torch.Generator | CudaGenerator:
    if case.generator_device == "CUDA":
        return CudaGenerator(case.seed)
    return torch.Generator("cpu").manual_seed(case.seed)
