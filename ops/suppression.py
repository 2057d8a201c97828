"""The account's suppression list of SES: who is on it, and taking an address off it.

https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

COMPLAINT = "COMPLAINT"


@dataclass(frozen=True)
class Suppressed:
    """An entry of the list.

    Parameters
    ----------
    address
        As the list spells it.
    reason
        BOUNCE or COMPLAINT.
    message_id
        Of the email that brought the address onto the list; None if a person did.
    """

    address: str
    reason: str
    since: datetime
    message_id: str | None


def look_up(ses: Any, address: str) -> Suppressed | None:
    """The entry of an address, as it is spelt or in lower case; None if it is on the list in neither way."""
    for spelling in dict.fromkeys((address, address.lower())):
        try:
            found = ses.get_suppressed_destination(EmailAddress=spelling)["SuppressedDestination"]
        except ses.exceptions.NotFoundException:
            continue
        return Suppressed(
            found["EmailAddress"],
            found["Reason"],
            found["LastUpdateTime"],
            found.get("Attributes", {}).get("MessageId"),
        )
    return None


def remove(ses: Any, entry: Suppressed) -> None:
    """Take an address off the list; safe to repeat."""
    try:
        ses.delete_suppressed_destination(EmailAddress=entry.address)
    except ses.exceptions.NotFoundException:
        return
