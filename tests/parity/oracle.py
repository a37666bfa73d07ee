"""What PyPI's diffusers makes of a case."""

import warnings
from pathlib import Path

import diffusers
import numpy as np
import torch
from cases import Case
from diffusers import StableDiffusionXLPipeline
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging


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


def load_pipeline(folder: Path) -> StableDiffusionXLPipeline:
    """The checkpoint in float32, whatever its files hold."""
    for logging in (diffusers_logging, transformers_logging):
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    variant = "fp16" if any(folder.glob("unet/*.fp16*")) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        pipeline = StableDiffusionXLPipeline.from_pretrained(
            folder,
            variant=variant,
            torch_dtype=torch.float32,
            add_watermarker=False,
            local_files_only=True,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


class Oracle:
    """A checkpoint in diffusers."""

    def __init__(self, folder: Path):
        self._pipeline = load_pipeline(folder)
        self._scheduler_config = self._pipeline.scheduler.config
        self._default_scheduler = "EULER"  # Of every checkpoint that we compare.

    def image(self, case: Case) -> np.ndarray:
        """The image in one diffusers call: [height, width, 3], 8 bits."""
        spacing = {"timestep_spacing": case.spacing} if case.spacing else {}
        scheduler, changes = _SCHEDULERS[case.scheduler or self._default_scheduler]
        self._pipeline.scheduler = scheduler.from_config(
            self._scheduler_config, **changes, **spacing
        )
        given = {
            "height": case.size and case.size[0],
            "width": case.size and case.size[1],
            "prompt_2": case.prompt_2,
            "negative_prompt": case.negative_prompt,
            "negative_prompt_2": case.negative_prompt_2,
            "guidance_scale": case.guidance,
            "guidance_rescale": case.guidance_rescale,
            "clip_skip": case.clip_skip,
            "denoising_end": case.denoising_end,
        }
        image = self._pipeline(
            prompt=case.prompt,
            num_inference_steps=case.steps,
            generator=torch.Generator("cpu").manual_seed(case.seed),
            output_type="np",
            **{name: value for name, value in given.items() if value is not None},
            **case.micro,
        ).images[0]
        return (image * 255).round().astype(np.uint8)
