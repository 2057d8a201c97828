"""Requests to AWS as they look on the wire: which operation one asks for, and how an error is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session

# Where the name in a signature isn't the one that IAM actions begin with.
_IAM_PREFIX = {"monitoring": "cloudwatch", "email": "ses"}
# Services whose operations are told by method and path, with their model's name in botocore.
_REST_MODELS = {"ses": "sesv2", "lambda": "lambda", "s3": "s3", "scheduler": "scheduler"}

_CREDENTIAL = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")


@dataclass(frozen=True)
class AwsRequest:
    """One call: `service:Operation` as IAM names it, and the protocol that its answer is written in."""

    service: str
    operation: str
    protocol: str

    @property
    def action(self) -> str:
        """The IAM action, `service:Operation`."""
        return f"{self.service}:{self.operation}"


def parse(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> AwsRequest:
    """Tell what a request asks for.

    Parameters
    ----------
    headers
        With names in lower case.
    """
    signed_for = _CREDENTIAL.search(headers.get("authorization", ""))
    service = signed_for.group(1) if signed_for else "unsigned"
    service = _IAM_PREFIX.get(service, service)
    if target := headers.get("x-amz-target"):
        return AwsRequest(service, target.rpartition(".")[2], "json")
    form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    parameters = parse_qs(query) | (parse_qs(body.decode(errors="replace")) if form else {})
    if action := parameters.get("Action"):
        return AwsRequest(service, action[0], "query")
    operation = _rest_operation(service, method, path, frozenset(parse_qs(query, keep_blank_values=True)))
    return AwsRequest(service, operation, "rest-xml" if service == "s3" else "rest-json")


def error_answer(
    request: AwsRequest, code: str, message: str, status: int
) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Return an error in the request's protocol: status, headers, body."""
    if request.protocol in ("query", "rest-xml"):
        error = f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        body = error if request.protocol == "rest-xml" else f"<ErrorResponse>{error}</ErrorResponse>"
        return status, [(b"content-type", b"text/xml")], body.encode()
    headers = [(b"content-type", b"application/x-amz-json-1.0"), (b"x-amzn-errortype", code.encode())]
    if request.service == "sqs":
        fault = "Sender" if status < 500 else "Receiver"  # noqa: PLR2004 - HTTP's classes
        headers.append((b"x-amzn-query-error", f"{code};{fault}".encode()))
    return status, headers, json.dumps({"__type": code, "message": message}).encode()


def _rest_operation(service: str, method: str, path: str, query_names: frozenset[str]) -> str:
    for route_method, pattern, needed, name in _rest_routes(service):
        if route_method == method and needed <= query_names and pattern.fullmatch(path):
            return name
    return "Unknown"


@cache
def _rest_routes(service: str) -> list[tuple[str, re.Pattern[str], frozenset[str], str]]:
    """Every operation of a REST service: method, path, query names, name; the most special first."""
    if service not in _REST_MODELS:
        return []
    model = botocore.session.get_session().get_service_model(_REST_MODELS[service])
    routes = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        parts = re.split(r"(\{\w+\+?\})", path.rstrip("/") or "/")
        pattern = "".join(
            re.escape(part) if not part.startswith("{") else ".+" if part.endswith("+}") else "[^/]+"
            for part in parts
        )
        literal = sum(len(part) for part in parts if not part.startswith("{"))
        needed = frozenset(parse_qs(query, keep_blank_values=True))
        routes.append((-len(needed), -literal, http["method"], re.compile(pattern + "/?"), needed, name))
    return [
        (method, pattern, needed, name)
        for *_, method, pattern, needed, name in sorted(routes, key=lambda r: r[:2])
    ]
