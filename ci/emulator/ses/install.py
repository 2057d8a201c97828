"""Put the SES twin in front of MiniStack's SES v2, and its part into the control API."""

from __future__ import annotations

import dataclasses
from typing import Any

from ci.emulator.cloudwatch import ses_metrics
from ci.emulator.control_api import BadControlRequestError, route
from ci.emulator.ministack import app, ses_v2
from ci.emulator.ses import accept_log, accounts, authorization, operations, outcomes, publisher
from ci.emulator.ses.accounts import DEFAULT_ACCOUNT, DEFAULT_REGION, SesAccount

SEND_EMAIL = ("POST", "/v2/email/outbound-emails")


def install() -> None:
    """Answer SES v2 calls by the twin; what it doesn't have, MiniStack still answers."""
    plain_handle = ses_v2.handle_request
    plain_enforce = app._enforce_ses_v2

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: Any) -> Any:
        answer = operations.handle(method, path, headers, body, query)
        return answer or await plain_handle(method, path, headers, body, query)

    def enforce(method: str, path: str, headers: dict[str, str], body: bytes, *more: Any) -> Any:
        if app.AUTH and (method, path) == SEND_EMAIL:
            query, _request_id = more
            return authorization.refusal(headers, body, query)
        return plain_enforce(method, path, headers, body, *more)

    ses_v2.handle_request = handle
    app._enforce_ses_v2 = enforce
    route("GET", "/accepted", lambda _: accept_log.as_json())
    route("GET", "/accepted/events", lambda _: accept_log.publications_as_json())
    route("GET", "/ses", lambda _: _state(accounts.of(DEFAULT_ACCOUNT, DEFAULT_REGION)))
    route("PUT", "/ses", _change)
    route("DELETE", "/ses", _reset)


def _change(given: dict[str, Any]) -> dict[str, Any]:
    changes = dict(given)
    account = accounts.of(changes.pop("account", DEFAULT_ACCOUNT), changes.pop("region", DEFAULT_REGION))
    try:
        for steps in changes.get("outcomes", {}).values():
            for step in steps:
                outcomes.from_json(step)
    except ValueError as error:
        raise BadControlRequestError(str(error)) from error
    account.settings.change(changes)
    publisher.settings_changed()
    return _state(account)


def _reset(_: None) -> None:
    accept_log.clear()
    publisher.clear()
    accounts.reset()
    ses_metrics.reset()


def _state(account: SesAccount) -> dict[str, Any]:
    return {**dataclasses.asdict(account.settings), "events_waiting": publisher.waiting()}
