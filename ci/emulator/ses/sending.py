"""SendEmail: may this message go out now?"""

from __future__ import annotations

import time

from ci.emulator.lambda_workers import Caller
from ci.emulator.ministack import responses, ses_v2
from ci.emulator.ses import accept_log, events, feedback, outcomes
from ci.emulator.ses.accounts import SesAccount
from ci.emulator.ses.errors import SesError
from ci.emulator.ses.events import Sending
from ci.emulator.ses.message import Message

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
        source_ip=responses.get_request_client_ip(),
        caller=caller.function if caller else "",
        caller_identity=caller.role if caller else "root",
    )
    accept_log.record(sending)
    feedback.follow_up(sending, account)
    return sending.message_id


def _admit(message: Message, account: SesAccount) -> None:
    settings = account.settings
    name = message.configuration_set
    configuration_set = ses_v2._config_sets.get(name) or {}
    if name and not configuration_set:
        raise SesError("NotFoundException", f"Configuration set <{name}> does not exist.")
    if settings.enforcement_status == "SHUTDOWN":
        raise SesError("AccountSuspendedException", SUSPENDED)
    if not settings.sending_enabled:
        raise SesError("SendingPausedException", PAUSED)
    if not (configuration_set.get("SendingOptions") or {}).get("SendingEnabled", True):
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
