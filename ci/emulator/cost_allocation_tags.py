"""Gap: Cost Explorer's cost allocation tags. MiniStack has no Cost Explorer.

A key is known once its status has been set: on AWS, a day after the first resource that carries it. A key
that nobody knows can't be activated there; here it can.

Source: https://docs.aws.amazon.com/aws-cost-management/latest/APIReference/API_ListCostAllocationTags.html
"""

import json
from collections.abc import Callable
from typing import Any

from ci.emulator.ministack import app, responses, router

_SERVICE = "ce"
_TARGET = "AWSInsightsIndexService"
# Status by key, of each account.
_statuses = responses.AccountScopedDict()

Answer = tuple[int, dict[str, str], bytes]


def install() -> None:
    """Add the service, with these two operations."""
    router.SERVICE_PATTERNS[_SERVICE] = {
        "target_prefixes": [_TARGET],
        "host_patterns": [r"ce\."],
        "credential_scope": _SERVICE,
    }
    app.SERVICE_HANDLERS[_SERVICE] = _handle


async def _handle(_method: str, _path: str, headers: dict[str, str], body: bytes, _query: Any) -> Answer:
    operation = _OPERATIONS.get(headers.get("x-amz-target", "").rpartition(".")[2])
    if operation is None:
        return _answer(400, {"__type": "UnknownOperationException", "message": "Not emulated."})
    return _answer(200, operation(json.loads(body or b"{}")))


def _list(request: dict[str, Any]) -> dict[str, Any]:
    wanted, status = request.get("TagKeys"), request.get("Status")
    return {
        "CostAllocationTags": [
            {"TagKey": key, "Type": "UserDefined", "Status": now}
            for key, now in sorted(_statuses.items())
            if (not wanted or key in wanted) and status in (None, now)
        ]
    }


def _update(request: dict[str, Any]) -> dict[str, Any]:
    for entry in request["CostAllocationTagsStatus"]:
        _statuses[entry["TagKey"]] = entry["Status"]
    return {"Errors": []}


def _answer(status: int, content: dict[str, Any]) -> Answer:
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(content).encode()


_OPERATIONS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "ListCostAllocationTags": _list,
    "UpdateCostAllocationTagsStatus": _update,
}
