"""The control API's server side: JSON under `/_emulator`, in front of the emulated AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from ci.emulator.control import PREFIX

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Handler = Callable[..., Any]

_routes: list[tuple[str, re.Pattern[str], Handler]] = []


class BadControlRequestError(ValueError):
    """A control call that can't be carried out; its message is the answer."""


def route(method: str, path: str, handler: Handler) -> None:
    """Answer a control path with a function.

    Parameters
    ----------
    method, path
        Such as ``"PUT"`` and ``"/faults/{name}"``, relative to `/_emulator`.
    handler
        Called with the request's JSON (None without a body) and the path's parts by name; what it returns is
        the answer's JSON. Runs on the event loop: it must not block.
    """
    pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
    _routes.append((method, pattern, handler))


class ControlApi:
    """ASGI application: control calls are answered here, everything else goes on to AWS."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX + "/"):
            await self._application(scope, receive, send)
            return
        body = await read_body(receive)
        try:
            status, answer = 200, _dispatch(scope["method"], scope["path"].removeprefix(PREFIX), body)
        except BadControlRequestError as error:
            status, answer = 400, {"error": str(error)}
        await send_response(
            send, status, [(b"content-type", b"application/json")], json.dumps(answer).encode()
        )


def _dispatch(method: str, path: str, body: bytes) -> Any:
    for route_method, pattern, handler in _routes:
        match = pattern.fullmatch(path)
        if match and route_method == method:
            try:
                parsed = json.loads(body) if body else None
            except ValueError as error:
                raise BadControlRequestError(f"The body isn't JSON: {error}") from error
            try:
                return handler(parsed, **match.groupdict())
            except KeyError as error:
                raise BadControlRequestError(f"The body of {method} {PREFIX}{path} lacks {error}.") from error
    raise BadControlRequestError(
        f"There is no {method} {PREFIX}{path}. ci/emulator/README.md lists what there is."
    )


async def read_body(receive: Receive) -> bytes:
    """Return a request's whole body."""
    chunks = []
    while True:
        message = await receive()
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def send_response(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    """Send one whole response."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
