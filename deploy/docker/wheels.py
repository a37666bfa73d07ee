"""The wheels that the build installed into .venv, for what tells of them in the image."""

import importlib.metadata
import pathlib

_REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
_SITE_PACKAGES = [str(folder) for folder in _REPOSITORY.glob(".venv/lib/python3*/site-packages")]


def installed_wheels(name=None):
    """All of them, or the one of this name."""
    return importlib.metadata.distributions(name=name, path=_SITE_PACKAGES)


def licence_files(wheel):
    """Those of the folder that is for them; where a wheel has none, they are beside its libraries."""
    named = [part for part in wheel.files if ".dist-info/licenses/" in str(part)]
    return named or [part for part in wheel.files if part.stem == "LICENSE"]
