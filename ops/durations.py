"""Times as operators write them: how long back, `30m`, `1h`, `7d`, and moments, `2026-11-24T06:00:00Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ops.errors import InputError

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse(text: str, at_most: timedelta) -> timedelta:
    """A whole number of minutes, hours or days.

    Raises
    ------
    InputError
        It is none, or longer than `at_most`.
    """
    found = re.fullmatch(r"([1-9]\d{0,5})([mhd])", text)
    if found is None:
        raise InputError(
            f"{text!r} says no time.", "Write a number and m, h or d: 30m, 1h, 7d for minutes, hours, days."
        )
    duration = timedelta(**{UNITS[found[2]]: int(found[1])})
    if duration > at_most:
        raise InputError(f"{text} is too long ago.", f"At most {at_most.days}d can be asked for.")
    return duration


def moment(text: str) -> datetime:
    """A moment that is written with its offset, in UTC.

    Raises
    ------
    InputError
        It is none, or has no offset.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InputError(f"{text!r} is no time.", "Write it with its offset, such as 2026-11-24T06:00:00Z.")
    return found.astimezone(UTC)
