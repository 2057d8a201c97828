"""What is to become of a dead letter, and why. Light: the judges themselves need schemas and templates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, TypeAlias

from notifications.keys import NotificationKey
from notifications.ledger import Abandonment, Record, SesEvent, Status
from ops.dead_letters.messages import Message

FindRecord: TypeAlias = Callable[[NotificationKey], Record | None]


class Fate(StrEnum):
    """What is done with a message."""

    REDRIVE = "redriven"
    ABANDON = "abandoned"
    RECORD = "recorded"
    DELETE = "deleted"
    LEAVE = "left"


@dataclass(frozen=True)
class Judgement:
    """A message's fate and why.

    Parameters
    ----------
    text
        In words that hold nothing of a customer's.
    key, status
        Of its notification, if the message tells which that is, and of its record, if there is one.
    abandonment
        How the notification is abandoned, if that is its fate.
    event
        What is recorded, if that is its fate.
    marker
        What the ledger is to say of it besides.
    """

    fate: Fate
    text: str
    key: NotificationKey | None = None
    status: Status | None = None
    abandonment: Abandonment | None = None
    event: SesEvent | None = None
    marker: Mapping[str, Any] | None = None


class Judge(Protocol):
    """Decides on one message; asks the ledger anew each time."""

    def __call__(self, message: Message) -> Judgement: ...  # noqa: D102
