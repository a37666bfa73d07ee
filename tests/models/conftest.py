"""What the tests of the embedded model share: its training code, drawn numbers, and the judge.

Set DARKROOM_TEST_SEED to the printed seed to draw the same again.
"""

import sys

import numpy as np
import pytest

from draws import choose_seed
from protos import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "models" / "emoji" / "training"))

from recognise import Recogniser  # noqa: E402


_SEED = choose_seed()


@pytest.fixture
def seed():
    print(f"DARKROOM_TEST_SEED={_SEED}")
    return _SEED


@pytest.fixture
def rng(request, seed):
    return np.random.default_rng([seed, len(request.node.name)])


@pytest.fixture(scope="session")
def recogniser():
    return Recogniser()
