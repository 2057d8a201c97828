"""Gap: who may send. With AUTH=true MiniStack checks SendEmail of SES v2 against `*` and without conditions.

SES checks the identity and the configuration set, each by its ARN, and knows the sender and the recipients.
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsesv2.html
https://docs.aws.amazon.com/ses/latest/dg/control-user-access.html
"""

from __future__ import annotations

import json
from typing import Any

from ci.emulator.ministack import iam_evaluator, router
from ci.emulator.ses import accounts, message
from ci.emulator.ses.accounts import SesAccount
from ci.emulator.ses.addresses import bare_address, display_name
from ci.emulator.ses.errors import Response, SesError
from ci.emulator.ses.message import Message
from ci.emulator.ses.outcomes import is_simulator

ACTION = "ses:SendEmail"


def refusal(headers: dict[str, str], body: bytes, query: dict[str, list[str]]) -> Response | None:
    """Return the answer to a SendEmail that its caller may not make, or None when it may.

    A request that isn't valid is not authorised either: it passes, to be refused by what it lacks.
    """
    try:
        email = message.parse(json.loads(body))
    except (SesError, ValueError):
        return None
    account = accounts.current()
    access_key, region = router.extract_access_key_id(headers, query), router.extract_region(headers, query)
    for arn in _resources(email, account):
        denied = iam_evaluator.enforce(
            access_key, ACTION, "sesv2", region, resource_arn=arn, service_context=_conditions(email)
        )
        if isinstance(denied, iam_evaluator.AuthError):
            return _forbidden(denied.code, denied.message)
        if denied:
            text = (
                f"User `{denied.principal_arn}' is not authorized to perform `{ACTION}' on resource `{arn}'"
            )
            return _forbidden("AccessDeniedException", text)
    return None


def _resources(email: Message, account: SesAccount) -> list[str]:
    """Return what the caller needs the right to use; in the sandbox also the recipients' identities."""
    arns = [account.identity_arn(email.source)]
    if account.settings.sandbox:
        arns += [account.identity_arn(address) for address in email.recipients if not is_simulator(address)]
    prefix = f"arn:aws:ses:{account.region}:{account.account}"
    if email.configuration_set:
        arns.append(f"{prefix}:configuration-set/{email.configuration_set}")
    return arns


def _conditions(email: Message) -> dict[str, Any]:
    return {
        "ses:FromAddress": bare_address(email.source),
        "ses:FromDisplayName": display_name(email.source) or None,
        "ses:Recipients": email.recipients,
        "ses:ApiVersion": "2",
    }


def _forbidden(code: str, text: str) -> Response:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return 403, headers, json.dumps({"message": text}).encode()
