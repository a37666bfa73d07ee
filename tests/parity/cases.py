"""Draws the images that the parity test compares."""

import math
import random
from dataclasses import dataclass, field

from init_images import draw_picture

from pictures import raw_request
from protos import pb

Size = tuple[int, int]  # Height and width.

_SUBJECTS = (
    "red apple",
    "penguin",
    "owl",
    "hamburger",
    "dog",
    "cat",
    "fish",
    "tree",
    "rocket",
    "pizza",
    "snowman",
    "car",
    "star",
    "mushroom",
    "crab",
)
_COLOURS = ("white", "blue", "gray", "green", "yellow", "pink", "black", "orange")
_WORDS = (
    "tree",
    "ÉTÉ",
    "naïve",
    "winter-light",
    "東京",
    "の",
    "тигр",
    "🦊",
    "👩‍🚀",
    "e\u0301cole",
    "1024",
    "3.5mm",
    "it's",
    "&amp;",
    "(((masterpiece)))",
    "--",
    "Straße",
    "ﬁre",
    "١٢٣",
    "x2",
    "Ωmega",
    "don’t",
    "rococo",
    "zzzqx",
    "of",
    "the",
    "glass",
    "\u200bsilent",
    "한국어",
)

_SCHEDULERS = (
    None,
    "EULER",
    "EULER_ANCESTRAL",
    "DPMPP_2M",
    "DPMPP_2M_KARRAS",
    "DPMPP_2M_SDE",
    "DDIM",
    "UNIPC",
    "HEUN",
    "LCM",
)
_SPACINGS = (None, "leading", "trailing", "linspace")
_NEGATIVES = ("absent", "empty", "given", "given")
_GUIDANCES = ("off", "default", "drawn", "drawn")
_SEED_BITS = (8, 31, 32, 64)
_GENERATORS = (None, None, "CPU", "CUDA")
# What an image begins from: noise, a picture by strength, one by denoising_start.
_BEGINNINGS = ("noise", "noise", "noise", "noise", "strength", "strength", "start")
_WIDE_SIZES = ((96, 160), (72, 200), (200, 64))
_SINGLES = 4
_PARTITIONS = ((8,), (6, 2), (5, 3), (4, 4), (4, 2, 2), (3, 3, 2))


@dataclass(frozen=True)
class Case:
    """One image; None means absent from the request and left to diffusers' default."""

    prompt: str
    seed: int
    steps: int
    size: Size | None = None
    prompt_2: str | None = None
    negative_prompt: str | None = None
    negative_prompt_2: str | None = None
    guidance: float | None = None
    scheduler: str | None = None  # As the wire calls it.
    spacing: str | None = None
    guidance_rescale: float | None = None
    clip_skip: int | None = None
    denoising_end: float | None = None
    init_image: bytes | None = field(default=None, repr=False)
    strength: float | None = None
    denoising_start: float | None = None
    generator_device: str | None = None  # As the wire calls it.
    # By the names that diffusers' pipeline gives them: sizes (height, width), crops (top, left).
    micro: dict[str, tuple[int, int]] = field(default_factory=dict)


def draw_groups(rng: random.Random, captions: bool) -> list[list[Case]]:
    """Twelve cases in the groups that are sent at once; a group shares its size.

    Prompts are captions such as the embedded model was trained on, or else any words.
    """
    lengths = [1] * _SINGLES + list(rng.choice(_PARTITIONS))
    count = sum(lengths)
    negatives = _deal(rng, _NEGATIVES, count)
    guidances = _deal(rng, _GUIDANCES, count)
    schedulers = _deal(rng, _SCHEDULERS, count)
    spacings = _deal(rng, _SPACINGS, count)
    seed_bits = _deal(rng, _SEED_BITS, count)
    generators = _deal(rng, _GENERATORS, count)
    beginnings = _deal(rng, _BEGINNINGS, count)
    sizes = _draw_sizes(rng, len(lengths))
    return [
        [
            _draw_case(
                rng,
                captions,
                size,
                negatives.pop(),
                guidances.pop(),
                schedulers.pop(),
                spacings.pop(),
                seed_bits.pop(),
                generators.pop(),
                # A picture's own size would part it from the rest of its group.
                beginnings.pop() if size or length == 1 else "noise",
            )
            for _ in range(length)
        ]
        for length, size in zip(lengths, sizes, strict=True)
    ]


def to_request(case: Case) -> pb.GenerateImagesRequest:
    request = raw_request(
        prompt=case.prompt,
        prompt_2=case.prompt_2,
        negative_prompt=case.negative_prompt,
        negative_prompt_2=case.negative_prompt_2,
        num_inference_steps=case.steps,
        guidance_scale=case.guidance,
        guidance_rescale=case.guidance_rescale,
        clip_skip=case.clip_skip,
        denoising_end=case.denoising_end,
        denoising_start=case.denoising_start,
        seed=case.seed,
    )
    if case.init_image is not None:
        request.init_image.data = case.init_image
        if case.strength is not None:
            request.init_image.strength = case.strength
    if case.generator_device:
        request.generator_device = pb.GeneratorDevice.Value(
            f"GENERATOR_DEVICE_{case.generator_device}"
        )
    if case.scheduler:
        request.scheduler = pb.Scheduler.Value(f"SCHEDULER_{case.scheduler}")
    if case.size:
        request.height, request.width = case.size
    if case.spacing:
        request.timestep_spacing = pb.TimestepSpacing.Value(
            f"TIMESTEP_SPACING_{case.spacing.upper()}"
        )
    for name, (first, second) in case.micro.items():
        if name.endswith("size"):
            value = getattr(request.micro_conditioning, name)
            value.height, value.width = first, second
        else:
            value = getattr(
                request.micro_conditioning, name.replace("crops_coords_top_left", "crop_top_left")
            )
            value.top, value.left = first, second
            value.SetInParent()
    return request


def _deal(rng: random.Random, options: tuple, count: int) -> list:
    """`count` draws in which every option comes equally often, give or take one."""
    dealt = list(options) * (count // len(options)) + rng.sample(options, count % len(options))
    rng.shuffle(dealt)
    return dealt


def _draw_sizes(rng: random.Random, count: int) -> list[Size | None]:
    wide = [size[:: rng.choice((1, -1))] for size in rng.sample(_WIDE_SIZES, 2)]
    small = [(8 * rng.randint(8, 14), 8 * rng.randint(8, 14)) for _ in range(count - 3)]
    sizes = [None, *wide, *small]
    rng.shuffle(sizes)
    return sizes


def _draw_case(
    rng: random.Random,
    captions: bool,
    size: Size | None,
    negative: str,
    guidance: str,
    scheduler: str | None,
    spacing: str | None,
    seed_bits: int,
    generator_device: str | None,
    beginning: str,
) -> Case:
    given = negative == "given"
    steps = 25 if rng.random() < 0.04 else rng.randint(1, 14)
    strength = None
    if beginning == "strength":
        # Absent, it is 0.3, of which 4 steps leave one.
        strength = round(rng.uniform(0.2, 1.0), 2) if rng.random() < 0.8 else None
        steps = max(steps, math.ceil(1 / (strength or 0.3)) + 1)
    elif beginning == "start":
        steps = max(steps, 6)
    # Of fewer steps nothing may be left, and a row without passes shares none.
    stops_early = beginning == "noise" and steps >= 6 and rng.random() < 0.2
    # A picture's pipeline crops the negative twin as the positive one, whatever it is told.
    micro = _draw_micro(rng, with_picture=beginning != "noise") if rng.random() < 0.4 else {}
    return Case(
        prompt=_draw_prompt(rng, captions),
        prompt_2=_draw_prompt(rng, captions) if rng.random() < 0.25 else None,
        negative_prompt={"absent": None, "empty": "", "given": _draw_prompt(rng, captions)}[
            negative
        ],
        negative_prompt_2=_draw_prompt(rng, captions) if given and rng.random() < 0.4 else None,
        seed=rng.getrandbits(seed_bits),
        steps=steps,
        size=size,
        guidance={
            "off": rng.choice((0.0, 0.7, 1.0)),
            "default": None,
            "drawn": round(rng.uniform(1.5, 9.0), 2),
        }[guidance],
        scheduler=scheduler,
        spacing=spacing,
        guidance_rescale=round(rng.random(), 2) if rng.random() < 0.3 else None,
        clip_skip=rng.randint(0, 1) if rng.random() < 0.25 else None,
        denoising_end=round(rng.uniform(0.3, 0.95), 2) if stops_early else None,
        init_image=draw_picture(rng) if beginning != "noise" else None,
        strength=strength,
        denoising_start=round(rng.uniform(0.2, 0.8), 2) if beginning == "start" else None,
        generator_device=generator_device,
        micro=micro,
    )


def _draw_prompt(rng: random.Random, captions: bool) -> str:
    pieces = rng.randint(20, 40) if rng.random() < 0.15 else 1
    if captions:
        return ", ".join(
            f"a {rng.choice(_SUBJECTS)} on a {rng.choice(_COLOURS)} background"
            for _ in range(pieces)
        )
    return " ".join(rng.choices(_WORDS, k=4 * pieces))


def _draw_micro(rng: random.Random, with_picture: bool) -> dict[str, tuple[int, int]]:
    def pair(low: int, high: int) -> tuple[int, int]:
        return rng.randint(low, high), rng.randint(low, high)

    names = ("original_size", "target_size", "crops_coords_top_left")
    micro = {
        name: pair(0 if "crops" in name else 16, 600)
        for name in rng.sample(names, rng.randint(1, 3))
    }
    if with_picture:
        names = rng.sample(("negative_original_size", "negative_target_size"), rng.randint(0, 2))
        micro |= {name: pair(16, 600) for name in names}
    elif rng.random() < 0.5:
        # Complete, as only then do an absent twin's meanings here and in diffusers agree.
        micro["negative_original_size"] = pair(16, 600)
        micro["negative_target_size"] = pair(16, 600)
        micro["negative_crops_coords_top_left"] = pair(0, 600)
    return micro
