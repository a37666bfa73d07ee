"""What a picture is called."""

import numpy as np
from subjects import Pair

_WITHOUT_ARTICLE = frozenset(
    ("grapes", "cherries", "broccoli", "corn", "bread", "cheese", "french fries", "fire")
)
# Forms and how often each is drawn; {a_*} is the name with its article.
_FORMS = {
    "{a_subject} on {a_background} background": 0.5,
    "{subject}, {background} background": 0.25,
    "{a_subject}": 0.125,
    "{subject}": 0.125,
}


def _with_article(name: str) -> str:
    if name in _WITHOUT_ARTICLE:
        return name
    return f"an {name}" if name[0] in "aeio" else f"a {name}"


def captions_of(pair: Pair) -> tuple[str, ...]:
    """The pair's caption in every form."""
    subject, background = pair
    return tuple(
        form.format(
            subject=subject,
            background=background,
            a_subject=_with_article(subject),
            a_background=_with_article(background),
        )
        for form in _FORMS
    )


def draw_caption(pair: Pair, rng: np.random.Generator) -> str:
    return captions_of(pair)[rng.choice(len(_FORMS), p=tuple(_FORMS.values()))]
