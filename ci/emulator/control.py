"""The emulator's control API as Python calls. README.md beside this file has the JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any
from urllib.parse import quote, urlsplit

PREFIX = "/_emulator"
TIMEOUT_SECONDS = 10.0


class ControlError(RuntimeError):
    """The emulator refused a control call; the message says why."""


class ControlClient:
    """Talks to the control API of one running emulator.

    Parameters
    ----------
    endpoint_url
        The emulator's address; anything but the loopback address is refused with ValueError.
    timeout_seconds
        How long a call may take.
    """

    def __init__(self, endpoint_url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        url = urlsplit(endpoint_url)
        if url.scheme != "http" or url.hostname not in ("127.0.0.1", "localhost"):
            raise ValueError(f"The emulator is only ever on 127.0.0.1, not at {endpoint_url}.")
        self._address = url.netloc
        self._timeout_seconds = timeout_seconds

    def health(self) -> dict[str, Any]:
        """Return `{"status": "ok", "pid": …}` once requests are answered."""
        return dict(self._call("GET", "/health"))

    def accepted(self) -> list[dict[str, Any]]:
        """List every message that SES accepted, oldest first."""
        return list(self._call("GET", "/accepted"))

    def published_events(self) -> list[dict[str, Any]]:
        """List, for every accepted message, which of its events SES published when; oldest message first."""
        return list(self._call("GET", "/accepted/events"))

    def set_faults(self, faults: Sequence[Mapping[str, Any]], seed: int = 0) -> None:
        """Replace all faults; their counters start at zero."""
        self._call("PUT", "/faults", {"seed": seed, "faults": list(faults)})

    def faults(self) -> list[dict[str, Any]]:
        """List the faults as given, each with `seen` (calls that fit) and `hits` (calls that it broke)."""
        return list(self._call("GET", "/faults")["faults"])

    def switch_fault(self, name: str, *, enabled: bool) -> None:
        """Turn one fault on or off; its counters go on."""
        self._call("PATCH", f"/faults/{quote(name, safe='')}", {"enabled": enabled})

    def clear_faults(self) -> None:
        """Remove all faults."""
        self._call("DELETE", "/faults")

    def set_ses(self, **settings: Any) -> dict[str, Any]:
        """Change SES settings of one account and region (`account`, `region`); returns all of them."""
        return dict(self._call("PUT", "/ses", settings))

    def ses(self) -> dict[str, Any]:
        """Return the SES settings of the default account and region."""
        return dict(self._call("GET", "/ses"))

    def reset_ses(self) -> None:
        """Forget accepted messages, suppressed addresses and waiting events; settings go back to default."""
        self._call("DELETE", "/ses")

    def set_spend(self, **amounts: float) -> None:
        """Say what budgets tell of this month: `actual_usd`, `forecast_usd`."""
        self._call("PUT", "/budgets", amounts)

    def evaluate_alarms(self, at: float | None = None) -> list[dict[str, str]]:
        """Evaluate all alarms as of a time (epoch seconds, default now); returns what changed."""
        answer = self._call("POST", "/cloudwatch/evaluate", {} if at is None else {"at": at})
        return list(answer["transitions"])

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        # http.client knows no proxies: loopback is never behind one.
        connection = HTTPConnection(self._address, timeout=self._timeout_seconds)
        try:
            connection.request(method, PREFIX + path, None if body is None else json.dumps(body))
            response = connection.getresponse()
            answer = json.load(response)
        finally:
            connection.close()
        if response.status != HTTPStatus.OK:
            raise ControlError(f"{method} {path}: {answer['error']}")
        return answer
