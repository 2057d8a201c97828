"""Where the project's files are: in the checkout or, where `notify` is installed without one, packaged."""

from __future__ import annotations

from pathlib import Path

from ops.errors import CheckoutMissingError

PROJECT = Path(__file__).resolve().parent.parent
IS_CHECKOUT = (PROJECT / "pyproject.toml").is_file()
BUILD = PROJECT / "build"

_FILES = PROJECT if IS_CHECKOUT else Path(__file__).with_name("packaged")
STACKS = _FILES / "stacks"
PARAMETERS = _FILES / "parameters"


def require_checkout(what: str) -> None:
    """Make sure that this is a checkout, for what is made from the sources.

    Raises
    ------
    CheckoutMissingError
        It is an installed package.
    """
    if not IS_CHECKOUT:
        raise CheckoutMissingError(what)
