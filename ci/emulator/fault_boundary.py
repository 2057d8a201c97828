"""Faults at the API: an ASGI application in front of AWS that breaks the calls which the plan says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ci.emulator import aws_requests, connections, lambda_workers
from ci.emulator.aws_requests import AwsRequest
from ci.emulator.control_api import Application, Receive, Scope, Send, read_body, send_response
from ci.emulator.faults import FaultPlan, Hit

# What each service says when it is called too often: code, HTTP status, text.
THROTTLING = {
    "dynamodb": ("ThrottlingException", 400, "Rate of requests exceeds the allowed throughput."),
    "kms": (
        "ThrottlingException",
        400,
        "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.",
    ),
    "lambda": ("TooManyRequestsException", 429, "Rate Exceeded."),
    "ses": ("TooManyRequestsException", 429, "Maximum sending rate exceeded."),
    "sns": ("Throttled", 429, "Rate exceeded"),
    "sqs": ("RequestThrottled", 400, "Rate exceeded"),
    "s3": ("SlowDown", 503, "Please reduce your request rate."),
}
ANY_THROTTLING = ("ThrottlingException", 400, "Rate exceeded")

SERVER_ERROR = {
    "dynamodb": "InternalServerError",
    "kms": "KMSInternalException",
    "lambda": "ServiceException",
    "s3": "InternalError",
    "secretsmanager": "InternalServiceError",
    "ses": "InternalServiceErrorException",
    "sns": "InternalError",
}
ANY_SERVER_ERROR = "InternalFailure"


class FaultBoundary:
    """ASGI application: calls that run into no fault pass to AWS untouched.

    Parameters
    ----------
    application
        The emulated AWS.
    plan
        Which calls break.
    stopping
        Set when the emulator ends: calls that are never answered end then.
    """

    def __init__(self, application: Application, plan: FaultPlan, stopping: asyncio.Event) -> None:
        self._application = application
        self._plan = plan
        self._stopping = stopping

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http" or self._plan.is_empty():
            await self._application(scope, receive, send)
            return
        body = await read_body(receive)
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        request = aws_requests.parse(
            scope["method"], scope["path"], scope["query_string"].decode(), headers, body
        )
        caller = lambda_workers.caller(headers.get("x-amz-security-token", ""))
        function = caller.function if caller else ""
        content = body.decode(errors="replace")
        call = _Call(scope, receive, send, request, caller)
        hit = self._plan.decide(request.action, function, content, "before")
        if hit and not await self._break(call, hit):
            return
        answer: list[dict[str, Any]] = []
        await self._application(scope, _replay(body, receive), _keep_in(answer))
        # AWS has done only what it has not refused.
        done = bool(answer) and answer[0]["status"] < HTTPStatus.MULTIPLE_CHOICES
        hit = self._plan.decide(request.action, function, content, "after") if done else None
        if hit is None or await self._break(call, hit):
            for message in answer:
                await send(message)

    async def _break(self, call: _Call, hit: Hit) -> bool:
        """Carry the effect out; True when the call then goes on as if nothing were wrong."""
        fault = hit.fault
        service = call.request.service
        match fault.effect:
            case "delay":
                await asyncio.sleep(hit.seconds)
                return True
            case "throttle":
                code, status, message = THROTTLING.get(service, ANY_THROTTLING)
                await call.answer_error(code, message, status)
            case "server_error":
                code = fault.code or SERVER_ERROR.get(service, ANY_SERVER_ERROR)
                await call.answer_error(code, fault.message, fault.status or 500)
            case "error":
                await call.answer_error(fault.code, fault.message, fault.status)
            case "reset":
                connections.reset(call.scope["client"])
            case "no_answer":
                await self._until_client_gives_up(call.receive)
            case "kill" if call.caller:
                call.caller.kill()
                await self._until_client_gives_up(call.receive)
        return False

    async def _until_client_gives_up(self, receive: Receive) -> None:
        async def disconnected() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        waits = [asyncio.create_task(disconnected()), asyncio.create_task(self._stopping.wait())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()


@dataclass(frozen=True)
class _Call:
    """One call under way: its ASGI parts, what it asks for, and the function that makes it, if one does."""

    scope: Scope
    receive: Receive
    send: Send
    request: AwsRequest
    caller: lambda_workers.Caller | None

    async def answer_error(self, code: str, message: str, status: int) -> None:
        """Answer with an error in the request's protocol."""
        await send_response(self.send, *aws_requests.error_answer(self.request, code, message, status))


def _replay(body: bytes, receive: Receive) -> Receive:
    """Hand out a body that was read already, then whatever comes next."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> dict[str, Any]:
        return waiting.pop() if waiting else await receive()

    return replay


def _keep_in(messages: list[dict[str, Any]]) -> Send:
    async def keep(message: dict[str, Any]) -> None:
        messages.append(message)

    return keep
