"""What SES makes of an accepted message: events, the account's metrics and its suppression list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ci.emulator.cloudwatch.ses_metrics import record_ses_event
from ci.emulator.ministack import ses_v2
from ci.emulator.ses import events, outcomes, publisher, suppression
from ci.emulator.ses.accounts import SesAccount
from ci.emulator.ses.events import Event, Sending
from ci.emulator.ses.outcomes import Outcome
from ci.emulator.ses.suppression import SuppressedDestination

# Every scanner takes this harmless text for a virus.
# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html (Testing Reject events)
VIRUS_TEST_TEXT = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE"


def follow_up(sending: Sending, account: SesAccount) -> None:
    """Let an accepted message take its course, within the scope of its account and region."""
    message, settings = sending.message, account.settings
    start = sending.accepted_at + settings.event_delay_seconds
    first = message.recipients[0]
    _report(events.send(sending), sending, first, start)
    if VIRUS_TEST_TEXT in f"{message.subject}\n{message.text}\n{message.html}":
        _report(events.of_outcome(Outcome("Reject"), sending, first, start), sending, first, start)
        return
    configuration_set = ses_v2._config_sets.get(message.configuration_set) or {}
    reasons = suppression.effective_reasons(configuration_set, settings.suppressed_reasons)
    for recipient in message.recipients:
        at = start
        for outcome in _outcomes(recipient, account, reasons):
            at += outcome.after_seconds
            event = events.of_outcome(outcome, sending, recipient, at)
            _report(event, sending, recipient, at)
            if (reason := _reason_to_suppress(outcome)) in reasons and not outcomes.is_simulator(recipient):
                feedback_id = (event.get("bounce") or event["complaint"])["feedbackId"]
                account.suppressed.put(
                    SuppressedDestination(recipient, str(reason), at, sending.message_id, feedback_id)
                )


def _outcomes(recipient: str, account: SesAccount, reasons: Sequence[str]) -> Sequence[Outcome]:
    """Return what becomes of the message at a recipient; an account's own list overrides SES's."""
    if reason := account.suppressed.reason_for(recipient, reasons):
        return (outcomes.SUPPRESSED_BY_ACCOUNT[reason],)
    listed = [address.lower() for address in account.settings.global_suppression]
    if not reasons and recipient.lower() in listed:
        return (outcomes.SUPPRESSED_GLOBALLY,)
    return outcomes.outcomes_of(recipient, account.settings.outcomes)


def _reason_to_suppress(outcome: Outcome) -> str | None:
    """Return why an outcome puts its address on the account's list, if it does."""
    if outcome.is_hard_bounce:
        return suppression.BOUNCE
    return suppression.COMPLAINT if outcome.is_complaint else None


def _report(event: Event, sending: Sending, recipient: str, at: float) -> None:
    """Count an event in the account's metrics, unless it is the simulator's, and have it published."""
    name = sending.message.configuration_set
    configuration_set: dict[str, Any] = ses_v2._config_sets.get(name) or {}
    if not outcomes.is_simulator(recipient):
        bounce = event.get("bounce") or {}
        record_ses_event(
            event["eventType"],
            bounce_type=bounce.get("bounceType"),
            bounce_subtype=bounce.get("bounceSubType"),
            configuration_set=name or None,
            has_reputation_metrics=bool(
                (configuration_set.get("ReputationOptions") or {}).get("ReputationMetricsEnabled")
            ),
        )
    if name:
        publisher.publish_later(event, sending, at)
