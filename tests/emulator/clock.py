"""Lets tests look at alarms without waiting for a minute to end."""

import json
import urllib.request

from ci.emulator.server import Emulator


def evaluate_alarms(emulator: Emulator, at: float | None = None) -> list[dict[str, str]]:
    """Evaluate all alarms at a time (epoch seconds); returns what changed."""
    request = urllib.request.Request(  # noqa: S310 - the emulator is on the loopback address
        f"{emulator.endpoint_url}/_emulator/cloudwatch/evaluate",
        method="POST",
        data=json.dumps({} if at is None else {"at": at}).encode(),
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310
        return json.load(response)["transitions"]
