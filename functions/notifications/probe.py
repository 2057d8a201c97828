"""The synthetic probe: orders that a schedule publishes, which go the whole way and to nobody.

It is told by its recipient, which no customer can have. SES leaves the mailbox simulator out of the account's
reputation, and so do our rates: https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html
"""

from __future__ import annotations

ADDRESS = "success+probe@simulator.amazonses.com"
"""As the schedule in stacks/observability.yaml has it."""


def is_probe(recipient: str) -> bool:
    """Whether the email is for nobody."""
    return recipient == ADDRESS
