"""What an account's SES is like: quota, sandbox, identities, and what becomes of mails."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from ci.emulator.control_api import BadControlRequestError


@dataclass
class SesSettings:
    """The settings that the control API changes.

    Parameters
    ----------
    max_send_rate
        Recipients a second that SES accepts, MaxSendRate.
    max_24_hour_send
        Recipients in any 24 hours, Max24HourSend.
    sandbox
        No production access: recipients must be verified, too.
    sending_enabled
        False pauses the account's sending (PutAccountSendingAttributes).
    enforcement_status
        HEALTHY, PROBATION or SHUTDOWN; SHUTDOWN suspends the account.
    verified_identities
        Verified addresses and domains; None takes every identity as verified.
    mail_from_failed_domains
        Sending domains whose custom MAIL FROM domain lacks its MX record and must then reject the message.
    identity_details
        By identity, parts of GetEmailIdentity's answer that differ from those of a well-kept domain.
    pricing_plan
        NONE, ESSENTIALS, PRO or ENTERPRISE.
    global_suppression
        Addresses on SES's own suppression list.
    suppressed_reasons
        What puts an address on the account's list: BOUNCE, COMPLAINT (PutAccountSuppressionAttributes).
    outcomes
        What becomes of a mail, by recipient pattern; the first that fits counts. README.md has the form.
    event_delay_seconds
        Time from the acceptance to the first event.
    events_held
        True keeps all events back until it is false again.
    """

    max_send_rate: float = 14.0
    max_24_hour_send: float = 50_000.0
    sandbox: bool = False
    sending_enabled: bool = True
    enforcement_status: str = "HEALTHY"
    verified_identities: list[str] | None = None
    mail_from_failed_domains: list[str] = field(default_factory=list)
    identity_details: dict[str, dict[str, Any]] = field(default_factory=dict)
    pricing_plan: str = "ESSENTIALS"
    global_suppression: list[str] = field(default_factory=list)
    suppressed_reasons: list[str] = field(default_factory=lambda: ["BOUNCE", "COMPLAINT"])
    outcomes: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    event_delay_seconds: float = 0.0
    events_held: bool = False

    def change(self, changes: dict[str, Any]) -> None:
        """Change settings by name.

        Raises
        ------
        BadControlRequestError
            A name that isn't a setting; then none is changed.
        """
        names = {setting.name for setting in dataclasses.fields(self)}
        if unknown := sorted(set(changes) - names):
            known = ", ".join(sorted(names))
            raise BadControlRequestError(
                f"No SES setting is called {', '.join(unknown)}. There are: {known}."
            )
        for name, value in changes.items():
            setattr(self, name, value)
