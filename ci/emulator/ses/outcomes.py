"""What becomes of an accepted message at a recipient: at the mailbox simulator's addresses, and by script."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

SIMULATOR_DOMAIN = "simulator.amazonses.com"


@dataclass(frozen=True)
class Outcome:
    """One event to come.

    Parameters
    ----------
    event
        The event's `eventType`.
    type, subtype
        bounceType and bounceSubType, delayType, or complaintFeedbackType and complaintSubType.
    after_seconds
        Time since the event before.
    without
        Fields that this event's own object lacks, such as `complainedRecipients`.
    """

    event: str
    type: str = ""
    subtype: str = ""
    after_seconds: float = 0.0
    without: tuple[str, ...] = ()

    @property
    def is_hard_bounce(self) -> bool:
        """Whether the address itself is at fault."""
        return self.event == "Bounce" and self.type == "Permanent" and self.subtype in ("General", "NoEmail")

    @property
    def is_complaint(self) -> bool:
        """Whether a feedback report calls the message spam."""
        return self.event == "Complaint" and self.type not in ("", "not-spam")


DELIVERED = (Outcome("Delivery"),)
# An automatic reply comes without a delivery status notification, and so without its fields.
AUTOMATIC_REPLY = Outcome("Bounce", "Transient", "General", without=("reportingMTA",))
SUPPRESSED_GLOBALLY = Outcome("Bounce", "Permanent", "Suppressed")
SUPPRESSED_BY_ACCOUNT = {
    "BOUNCE": Outcome("Bounce", "Permanent", "OnAccountSuppressionList"),
    "COMPLAINT": Outcome("Complaint", "", "OnAccountSuppressionList"),
}

# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
SIMULATOR: Mapping[str, Sequence[Outcome]] = {
    "success": DELIVERED,
    "bounce": (Outcome("Bounce", "Permanent", "General"),),
    "ooto": (*DELIVERED, AUTOMATIC_REPLY),
    "complaint": (*DELIVERED, Outcome("Complaint", "abuse")),
    "suppressionlist": (SUPPRESSED_GLOBALLY,),
}


def is_simulator(address: str) -> bool:
    """Whether the address is one of the mailbox simulator's."""
    return address.lower().endswith("@" + SIMULATOR_DOMAIN)


def outcomes_of(address: str, scripted: Mapping[str, Sequence[Mapping[str, Any]]]) -> Sequence[Outcome]:
    """Return what becomes of a message to this address.

    Parameters
    ----------
    address
        The bare recipient address; a simulator's may carry a `+label`.
    scripted
        The setting `outcomes`: lists of outcomes by address pattern (`*`, `?`); the first that fits counts.
    """
    address = address.lower()
    for pattern, steps in scripted.items():
        if fnmatchcase(address, pattern.lower()):
            return [from_json(step) for step in steps]
    if is_simulator(address):
        name = address.partition("@")[0].partition("+")[0]
        return SIMULATOR.get(name, DELIVERED)
    return DELIVERED


def from_json(step: Mapping[str, Any]) -> Outcome:
    """Read one outcome of the setting `outcomes`; ValueError when it has a field that there isn't."""
    known = {one.name for one in dataclasses.fields(Outcome)}
    if "event" not in step or not set(step) <= known:
        raise ValueError(f"An outcome has event and any of {', '.join(sorted(known))}, not {sorted(step)}.")
    return Outcome(**{**step, "without": tuple(step.get("without", ()))})
