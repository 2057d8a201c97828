"""The account's suppression list: who gets nothing although SES accepts the message.

https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from ci.emulator.ses.errors import SesError

BOUNCE = "BOUNCE"
COMPLAINT = "COMPLAINT"
REASONS = (BOUNCE, COMPLAINT)


@dataclass(frozen=True)
class SuppressedDestination:
    """One address on the list, with the ids of the event that put it there, if one did."""

    address: str
    reason: str
    updated_at: float
    message_id: str = ""
    feedback_id: str = ""


@dataclass
class SuppressionList:
    """The list of one account in one region. Safe to use from any thread."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _listed: dict[str, SuppressedDestination] = field(default_factory=dict)

    def put(self, destination: SuppressedDestination) -> None:
        """Add an address, or change its reason.

        Raises
        ------
        SesError
            BadRequestException when the reason isn't one.
        """
        check_reasons([destination.reason])
        with self._lock:
            self._listed[destination.address] = destination

    def get(self, address: str) -> SuppressedDestination:
        """Return an address's entry, spelt exactly like this.

        Raises
        ------
        SesError
            NotFoundException when it isn't on the list.
        """
        with self._lock:
            if address not in self._listed:
                raise _not_listed(address)
            return self._listed[address]

    def delete(self, address: str) -> None:
        """Take an address off the list; NotFoundException when it isn't on it."""
        with self._lock:
            if self._listed.pop(address, None) is None:
                raise _not_listed(address)

    def entries(self) -> list[SuppressedDestination]:
        """Return all entries, the newest first."""
        with self._lock:
            return sorted(self._listed.values(), key=lambda entry: entry.updated_at, reverse=True)

    def reason_for(self, address: str, reasons: Sequence[str]) -> str | None:
        """Return why a message to this address is held back, or None.

        Parameters
        ----------
        address
            The bare recipient address, in any case.
        reasons
            The reasons that count for the message.
        """
        with self._lock:
            for entry in self._listed.values():
                if entry.address.lower() == address.lower() and entry.reason in reasons:
                    return entry.reason
            return None


def check_reasons(reasons: Sequence[str]) -> None:
    """Refuse what isn't a suppression reason (BadRequestException)."""
    for number, reason in enumerate(reasons, 1):
        if reason not in REASONS:
            raise SesError(
                "BadRequestException",
                f"1 validation error detected: Value '{reason}' at 'suppressedReasons.{number}.member' "
                f"failed to satisfy constraint: Member must satisfy enum value set: [{', '.join(REASONS)}]",
            )


def effective_reasons(configuration_set: dict[str, object], account_reasons: Sequence[str]) -> Sequence[str]:
    """Return the reasons that count for a message: its configuration set's own, if it has that setting.

    https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list-config-level.html
    """
    options = configuration_set.get("SuppressionOptions")
    return options.get("SuppressedReasons") or [] if isinstance(options, dict) else account_reasons


def _not_listed(address: str) -> SesError:
    return SesError("NotFoundException", f"Email address {address} does not exist on your suppression list.")
