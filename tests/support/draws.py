"""Random inputs that can be drawn again: the seed is printed, and DARKROOM_TEST_SEED sets it."""

import os
import random

SUBJECTS = ("a red apple", "a penguin", "a rocket", "a cat", "a cup of coffee", "a tree", "a sun")
COLOURS = ("blue", "white", "green", "yellow", "black")


def choose_seed():
    """That of DARKROOM_TEST_SEED, or a drawn one. Who draws from it prints it under this name."""
    return int(os.environ.get("DARKROOM_TEST_SEED") or random.SystemRandom().getrandbits(32))


def seeded_random():
    """A generator whose seed pytest shows when the test that called this fails."""
    seed = choose_seed()
    print(f"to draw the same again: DARKROOM_TEST_SEED={seed}")
    return random.Random(str(seed))


def draw_prompt(rng):
    return f"{rng.choice(SUBJECTS)} on a {rng.choice(COLOURS)} background"
