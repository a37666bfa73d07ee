"""What the embedded model is trained and judged by.

Pictures are drawn; set DARKROOM_TEST_SEED to the printed seed to draw them again.
"""

import pytest
from captions import captions_of
from recognise import background_of
from samples import SEEN_PAIRS, draw_placed
from subjects import BACKGROUNDS, HELD_OUT, PAIRS, SUBJECTS

pytestmark = pytest.mark.timeout(600)


def draw_pairs(rng, count):
    return [PAIRS[index] for index in rng.integers(len(PAIRS), size=count)]


def test_rendered_subjects_are_recognised_wherever_they_are(rng, recogniser):
    for subject, background in draw_pairs(rng, 60):
        picture = draw_placed(subject, BACKGROUNDS[background], rng)
        assert recogniser.find(picture).subject == subject, (subject, background)
        assert background_of(picture) == background, (subject, background)


def test_a_tenth_of_the_pairs_is_never_trained_on():
    assert len(SUBJECTS) >= 100 and len(BACKGROUNDS) >= 10
    assert len(HELD_OUT) == len(PAIRS) / 10
    assert HELD_OUT.isdisjoint(SEEN_PAIRS) and len(SEEN_PAIRS) == len(PAIRS) - len(HELD_OUT)
    assert {subject for subject, _ in HELD_OUT} == set(SUBJECTS)
    assert {background for _, background in HELD_OUT} == set(BACKGROUNDS)


def test_captions_come_in_several_forms():
    assert captions_of(("red apple", "orange")) == (
        "a red apple on an orange background",
        "red apple, orange background",
        "a red apple",
        "red apple",
    )
    assert captions_of(("avocado", "blue"))[0] == "an avocado on a blue background"
    assert captions_of(("grapes", "blue"))[0] == "grapes on a blue background"
