"""SES v2's operations that the twin answers: from an HTTP request to JSON.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_Operations.html
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from ci.emulator import lambda_workers
from ci.emulator.ses import accounts, identities, message, sending, suppression
from ci.emulator.ses.errors import Response, SesError
from ci.emulator.ses.suppression import SuppressedDestination

PREFIX = "/v2/email"
SUPPRESSED_PATH = "/suppression/addresses/"
IDENTITY_PATH = "/identities/"
MAX_PAGE_SIZE = 1000


@dataclass(frozen=True)
class Request:
    """One call: JSON body, headers with names in lower case, query values by name, what the path names."""

    body: dict[str, Any]
    headers: dict[str, str]
    query: dict[str, list[str]]
    address: str = ""


def handle(
    method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, list[str]]
) -> Response | None:
    """Answer an operation that the twin has; None leaves the request to MiniStack."""
    path = path.removeprefix(PREFIX).rstrip("/")
    address = ""
    for prefix in (SUPPRESSED_PATH, IDENTITY_PATH):
        if path.startswith(prefix) and "/" not in path.removeprefix(prefix):
            path, address = prefix, unquote(path.removeprefix(prefix))
    operation = _OPERATIONS.get((method, path))
    if operation is None:
        return None
    try:
        answer = operation(Request(json.loads(body) if body else {}, headers, query, address))
    except SesError as error:
        return error.response()
    return 200, {"Content-Type": "application/json"}, json.dumps(answer).encode()


def _send_email(request: Request) -> dict[str, Any]:
    caller = lambda_workers.caller(request.headers.get("x-amz-security-token", ""))
    return {"MessageId": sending.send(message.parse(request.body), accounts.current(), caller)}


def _get_account(_: Request) -> dict[str, Any]:
    account = accounts.current()
    settings = account.settings
    return {
        "DedicatedIpAutoWarmupEnabled": False,
        "EnforcementStatus": settings.enforcement_status,
        "ProductionAccessEnabled": not settings.sandbox,
        "SendQuota": {
            "Max24HourSend": settings.max_24_hour_send,
            "MaxSendRate": settings.max_send_rate,
            "SentLast24Hours": float(account.quota.sent_last_24_hours()),
        },
        "SendingEnabled": settings.sending_enabled,
        "SuppressionAttributes": {"SuppressedReasons": settings.suppressed_reasons},
        "PricingAttributes": {"CurrentPlan": settings.pricing_plan},
    }


def _get_identity(request: Request) -> dict[str, Any]:
    return identities.describe(accounts.current().settings, request.address)


def _put_account_pricing(request: Request) -> dict[str, Any]:
    accounts.current().settings.pricing_plan = request.body["Plan"]
    return {}


def _put_account_sending(request: Request) -> dict[str, Any]:
    accounts.current().settings.sending_enabled = bool(request.body.get("SendingEnabled", False))
    return {}


def _put_account_suppression(request: Request) -> dict[str, Any]:
    reasons = request.body.get("SuppressedReasons") or []
    suppression.check_reasons(reasons)
    accounts.current().settings.suppressed_reasons = reasons
    return {}


def _put_suppressed(request: Request) -> dict[str, Any]:
    entry = SuppressedDestination(request.body["EmailAddress"], request.body["Reason"], time.time())
    accounts.current().suppressed.put(entry)
    return {}


def _get_suppressed(request: Request) -> dict[str, Any]:
    entry = accounts.current().suppressed.get(request.address)
    attributes = {"MessageId": entry.message_id, "FeedbackId": entry.feedback_id}
    more = {"Attributes": attributes} if entry.feedback_id else {}
    return {"SuppressedDestination": {**_summary(entry), **more}}


def _delete_suppressed(request: Request) -> dict[str, Any]:
    accounts.current().suppressed.delete(request.address)
    return {}


def _list_suppressed(request: Request) -> dict[str, Any]:
    reasons = request.query.get("Reason", list(suppression.REASONS))
    start = int(request.query.get("NextToken", ["0"])[0])
    end = start + int(request.query.get("PageSize", [str(MAX_PAGE_SIZE)])[0])
    found = [_summary(entry) for entry in accounts.current().suppressed.entries() if entry.reason in reasons]
    more = {"NextToken": str(end)} if end < len(found) else {}
    return {"SuppressedDestinationSummaries": found[start:end], **more}


def _summary(entry: SuppressedDestination) -> dict[str, Any]:
    return {"EmailAddress": entry.address, "Reason": entry.reason, "LastUpdateTime": entry.updated_at}


_OPERATIONS: dict[tuple[str, str], Callable[[Request], dict[str, Any]]] = {
    ("POST", "/outbound-emails"): _send_email,
    ("GET", "/account"): _get_account,
    ("PUT", "/account/sending"): _put_account_sending,
    ("PUT", "/account/pricing-attributes"): _put_account_pricing,
    ("GET", IDENTITY_PATH): _get_identity,
    ("PUT", "/account/suppression"): _put_account_suppression,
    ("GET", "/suppression/addresses"): _list_suppressed,
    ("PUT", "/suppression/addresses"): _put_suppressed,
    ("GET", SUPPRESSED_PATH): _get_suppressed,
    ("DELETE", SUPPRESSED_PATH): _delete_suppressed,
}
