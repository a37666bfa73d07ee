"""Rewrites a checkpoint's files into what diffusers and transformers of 2023 would have saved."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

# Today's keys that were unknown then, so that readers need the right value for their absence.
_NEWER_KEYS = {
    "unet": ("attention_type", "dropout", "reverse_transformer_layers_per_block"),
    "vae": (
        "latents_mean",
        "latents_std",
        "mid_block_add_attention",
        "shift_factor",
        "use_post_quant_conv",
        "use_quant_conv",
    ),
    "scheduler": (
        "final_sigmas_type",
        "rescale_betas_zero_snr",
        "sigma_max",
        "sigma_min",
        "timestep_type",
        "use_beta_sigmas",
        "use_exponential_sigmas",
    ),
    "text_encoder": ("dtype",),
    "text_encoder_2": ("dtype",),
    ".": ("feature_extractor", "image_encoder"),
}
# Values that the published SDXL base has.
_PUBLISHED = {
    "unet": {"upcast_attention": None},
    "vae": {"_name_or_path": "../sdxl-vae/"},
    "scheduler": {
        "clip_sample": False,
        "sample_max_value": 1.0,
        "set_alpha_to_one": False,
        "skip_prk_steps": True,
    },
    "text_encoder": {"dropout": 0.0, "torch_dtype": "float16"},
    "text_encoder_2": {"torch_dtype": "float16"},
    ".": {"add_watermarker": None},
}
_CONFIG_NAMES = {"scheduler": "scheduler_config.json", ".": "model_index.json"}
_OLD_ATTENTION_NAMES = {
    ".to_q.": ".query.",
    ".to_k.": ".key.",
    ".to_v.": ".value.",
    ".to_out.0.": ".proj_attn.",
}


def make_older(folder: Path) -> None:
    for component, keys in _NEWER_KEYS.items():
        path = folder / component / _CONFIG_NAMES.get(component, "config.json")
        config = {k: v for k, v in json.loads(path.read_text()).items() if k not in keys}
        path.write_text(json.dumps(config | _PUBLISHED[component], indent=2, sort_keys=True))
    for encoder in ("text_encoder", "text_encoder_2"):
        _rewrite_tensors(folder / encoder / "model.fp16.safetensors", _older_text_encoder)
    _rewrite_tensors(folder / "vae" / "diffusion_pytorch_model.fp16.safetensors", _older_vae)


def _rewrite_tensors(path: Path, rewrite) -> None:
    save_file(rewrite(load_file(path)), path, metadata={"format": "pt"})


def _older_text_encoder(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    positions = {"text_model.embeddings.position_ids": torch.arange(77).unsqueeze(0)}
    return positions | {
        key if key.startswith("text_") else f"text_model.{key}": tensor
        for key, tensor in tensors.items()
    }


def _older_vae(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    def older(key: str) -> str:
        for name, old_name in _OLD_ATTENTION_NAMES.items():
            key = key.replace(name, old_name)
        return key

    return {older(key): tensor for key, tensor in tensors.items()}
