"""The faults' part of the control API."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from ci.emulator import fault_timers
from ci.emulator.control_api import BadControlRequestError, route
from ci.emulator.faults import BadFaultError, FaultPlan


def install(plan: FaultPlan) -> None:
    """Let `/faults` read and change a plan."""

    def replace(given: dict[str, Any]) -> dict[str, Any]:
        try:
            plan.replace(given["faults"], given.get("seed", 0))
        except BadFaultError as error:
            raise BadControlRequestError(str(error)) from error
        fault_timers.restart(plan)
        return plan.as_json()

    def switch(given: dict[str, Any], name: str) -> dict[str, Any]:
        try:
            plan.switch(unquote(name), enabled=given["enabled"])
        except KeyError as error:
            raise BadControlRequestError(f"No fault is called {unquote(name)}.") from error
        return plan.as_json()

    def clear(_: None) -> dict[str, Any]:
        return replace({"faults": []})

    route("GET", "/faults", lambda _: plan.as_json())
    route("PUT", "/faults", replace)
    route("PATCH", "/faults/{name}", switch)
    route("DELETE", "/faults", clear)
