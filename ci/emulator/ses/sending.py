"""SendEmail: may this message go out now, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ministack.core.responses import get_request_client_ip  # type: ignore[import-untyped]
from ministack.services import ses_v2  # type: ignore[import-untyped]

from ci.emulator.lambda_workers import Caller
from ci.emulator.ses import accept_log, events, outcomes, publisher, suppression
from ci.emulator.ses.accounts import SesAccount
from ci.emulator.ses.errors import SesError
from ci.emulator.ses.events import Event, Sending
from ci.emulator.ses.message import Message
from ci.emulator.ses.outcomes import Outcome
from ci.emulator.ses.suppression import SuppressedDestination

# Every scanner takes this harmless text for a virus.
# https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html (Testing Reject events)
VIRUS_TEST_TEXT = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE"

PAUSED = (
    "Sending paused for this account. For more information, please check the inbox of the email address "
    "associated with your AWS account."
)
SUSPENDED = PAUSED.replace("paused", "suspended")


def send(message: Message, account: SesAccount, caller: Caller | None) -> str:
    """Accept a message or refuse it; returns its id.

    Raises
    ------
    SesError
        The refusal.
    """
    _admit(message, account)
    sending = Sending(
        message=message,
        message_id=events.new_id(),
        accepted_at=time.time(),
        account=account.account,
        region=account.region,
        identity_arn=account.identity_arn(message.source),
        source_ip=get_request_client_ip(),
        caller=caller.function if caller else "",
        caller_identity=caller.role if caller else "root",
    )
    accept_log.record(sending)
    if message.configuration_set:
        _schedule_events(sending, account)
    return sending.message_id


def _admit(message: Message, account: SesAccount) -> None:
    settings = account.settings
    name = message.configuration_set
    configuration_set = ses_v2._config_sets.get(name)
    if name and configuration_set is None:
        raise SesError("NotFoundException", f"Configuration set <{name}> does not exist.")
    if settings.enforcement_status == "SHUTDOWN":
        raise SesError("AccountSuspendedException", SUSPENDED)
    if not settings.sending_enabled:
        raise SesError("SendingPausedException", PAUSED)
    if name and not configuration_set["SendingOptions"]["SendingEnabled"]:
        raise SesError("SendingPausedException", f"Sending is paused for configuration set {name}")
    _check_identities(message, account)
    counted = [address for address in message.recipients if not outcomes.is_simulator(address)]
    account.quota.spend(
        len(message.recipients), len(counted), settings.max_send_rate, settings.max_24_hour_send
    )


def _check_identities(message: Message, account: SesAccount) -> None:
    """Refuse unverified identities; in the sandbox recipients must be verified, too, but not the simulator's.

    https://docs.aws.amazon.com/ses/latest/dg/troubleshoot-error-messages.html
    """
    needed = [message.source]
    if account.settings.sandbox:
        needed += [address for address in message.recipients if not outcomes.is_simulator(address)]
    if failed := [address for address in needed if not account.is_verified(address)]:
        raise SesError(
            "MessageRejected",
            "Email address is not verified. The following identities failed the check in region "
            f"{account.region.upper()}: {', '.join(failed)}",
        )
    if account.identity_of(message.source) in account.settings.mail_from_failed_domains:
        raise SesError("MailFromDomainNotVerifiedException", "Mail FROM domain is not verified.")


def _schedule_events(sending: Sending, account: SesAccount) -> None:
    message, settings = sending.message, account.settings
    start = sending.accepted_at + settings.event_delay_seconds
    if message.rendering_error:
        _publish(sending, Outcome("Rendering Failure"), message.recipients[0], start)
        return
    publisher.publish_later(events.send(sending), sending, start)
    if VIRUS_TEST_TEXT in message.searchable:
        _publish(sending, Outcome("Reject"), message.recipients[0], start)
        return
    reasons = suppression.effective_reasons(
        ses_v2._config_sets[message.configuration_set], settings.suppressed_reasons
    )
    for recipient in message.recipients:
        at = start
        for outcome in _outcomes(recipient, account, reasons):
            at += outcome.after_seconds
            event = _publish(sending, outcome, recipient, at)
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


def _publish(sending: Sending, outcome: Outcome, recipient: str, at: float) -> Event:
    event = events.of_outcome(outcome, sending, recipient, at)
    publisher.publish_later(event, sending, at)
    return event


def _reason_to_suppress(outcome: Outcome) -> str | None:
    """Return why an outcome puts its address on the account's list, if it does."""
    if outcome.is_hard_bounce:
        return suppression.BOUNCE
    return suppression.COMPLAINT if outcome.is_complaint else None
