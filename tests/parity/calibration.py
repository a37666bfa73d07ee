"""Random weights that make a network lively: no part is dead, none drowns or saturates another."""

import math
from collections.abc import Callable

import torch
from diffusers import StableDiffusionXLPipeline

_PROMPTS = ["a photo of a red apple", "two grey owls over a green lake, at night", ""]

# Layers whose output is added to a residual stream.
_STREAM_WRITERS = (
    "conv_in",
    "conv2",
    "conv_shortcut",
    "proj_in",
    "to_out.0",
    "net.2",
    "out_proj",
    "fc2",
    "downsamplers.0.conv",
    "post_quant_conv",
)
# Of those, the ones that would be drowned by their neighbours.
_LOUD_WRITERS = ("proj_out", "upsamplers.0.conv")
# A small stream makes the epsilon of the norms that read it show in the image.
_STREAM_SPREAD = 0.05
_LOUD_SPREAD = 0.2
_ATTENTION_SPREAD = 1.5
# A UNet that does not denoise leaves most of the initial noise in the latents.
_SAMPLED_SPREAD = 15.0
# Of an encoded picture, as the UNet knows it.
_POSTERIOR_NOISE = 0.3
# At 1 a third of the 8-bit values would be 0 or 255, which hide differences.
_IMAGE_SPREAD = 0.8


def randomise(module: torch.nn.Module) -> None:
    """Gives every bias, norm and embedding a value of its own, so that none is the identity."""
    for layer in module.modules():
        if isinstance(layer, (torch.nn.GroupNorm, torch.nn.LayerNorm)):
            layer.weight.normal_(1.0, 0.3)
            layer.bias.normal_(0.0, 0.3)
        elif isinstance(layer, torch.nn.Embedding):
            layer.weight.normal_(0.0, _STREAM_SPREAD)
        elif getattr(layer, "bias", None) is not None:
            layer.bias.normal_(0.0, 0.2)


def calibrate(pipeline: StableDiffusionXLPipeline) -> None:
    """Scales all layers so that what each part gives for random input has a spread near 1."""
    texts = (
        (pipeline.text_encoder, pipeline.tokenizer),
        (pipeline.text_encoder_2, pipeline.tokenizer_2),
    )
    for encoder, tokenizer in texts:
        ids = tokenizer(
            _PROMPTS, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        _scale_layers(encoder, lambda encoder=encoder, ids=ids: encoder(ids), _spread)
    context, _, pooled, _ = pipeline.encode_prompt(
        _PROMPTS, device="cpu", do_classifier_free_guidance=False
    )
    time_ids = torch.tensor(
        [[64, 64, 0, 0, 64, 64], [96, 160, 8, 0, 96, 160], [512, 512, 0, 32, 128, 64]],
        dtype=torch.float32,
    )
    timesteps = torch.tensor([900, 500, 100])
    latents = torch.randn(len(_PROMPTS), 4, 24, 24)
    added = {"text_embeds": pooled, "time_ids": time_ids}
    _scale_layers(
        pipeline.unet,
        lambda: pipeline.unet(latents, timesteps, context, added_cond_kwargs=added),
        _spread,
    )
    pictures = torch.rand(len(_PROMPTS), 3, 96, 96) * 2 - 1
    _scale_layers(pipeline.vae, lambda: pipeline.vae.encode(pictures), _spread)
    _spread_posterior(pipeline.vae)
    sampled = latents * _SAMPLED_SPREAD / pipeline.vae.config.scaling_factor
    _scale_layers(
        pipeline.vae,
        lambda: pipeline.vae.decode(sampled),
        lambda name: _IMAGE_SPREAD if name == "decoder.conv_out" else _spread(name),
    )


def _spread_posterior(vae: torch.nn.Module) -> None:
    """Gives encoded pictures a spread near 1 as the UNet knows them, and noise besides."""
    channels = vae.config.latent_channels
    mean = slice(0, channels)
    log_variance = slice(channels, None)
    convolution = vae.quant_conv
    for parameter in (convolution.weight, convolution.bias):
        parameter[mean] /= vae.config.scaling_factor
        parameter[log_variance] *= 0.5
    convolution.bias[log_variance] += 2 * math.log(_POSTERIOR_NOISE / vae.config.scaling_factor)


def _spread(name: str) -> float:
    if name.endswith(_STREAM_WRITERS):
        return _STREAM_SPREAD
    if name.endswith(_LOUD_WRITERS):
        return _LOUD_SPREAD
    if name.endswith(("to_q", "to_k", "q_proj", "k_proj")):
        return _ATTENTION_SPREAD
    return 1.0


def _scale_layers(
    module: torch.nn.Module, run: Callable[[], object], spread: Callable[[str], float]
) -> None:
    """Runs `module` once and, as each layer is reached, scales its output to `spread(name)`."""

    def hook_for(name: str):
        def scale(layer, _, output):
            factor = spread(name) / output.std()
            layer.weight.mul_(factor)
            if layer.bias is not None:
                layer.bias.mul_(factor)
            hooks.pop(name).remove()
            return output * factor

        return scale

    hooks = {
        name: layer.register_forward_hook(hook_for(name))
        for name, layer in module.named_modules()
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.Linear))
    }
    run()
    for hook in hooks.values():
        hook.remove()
