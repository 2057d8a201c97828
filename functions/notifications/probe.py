"""Synthetic orders, which go the whole way and to nobody: the schedule's probes, and those of `notify smoke`.

They are told by their recipient, which no customer can have. SES leaves the mailbox simulator out of the
account's reputation, and so do our rates: https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
"""

from __future__ import annotations

import re

ADDRESS = "success+probe@simulator.amazonses.com"
"""As the schedule in stacks/observability.yaml has it."""

_SMOKE_ADDRESS = re.compile(r"(success|bounce|complaint)\+smoke@simulator\.amazonses\.com")


def smoke_address(mailbox: str) -> str:
    """Address of one of the simulator's mailboxes, such as `bounce`, for the orders of `notify smoke`."""
    return f"{mailbox}+smoke@simulator.amazonses.com"


def is_probe(recipient: str) -> bool:
    """Whether the email is a probe's: these are counted, against what the schedule has started."""
    return recipient == ADDRESS


def is_synthetic(recipient: str) -> bool:
    """Whether the email is for nobody, so that no rate counts it."""
    return is_probe(recipient) or bool(_SMOKE_ADDRESS.fullmatch(recipient))
