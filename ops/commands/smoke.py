"""The command that tries a deployment out: `smoke`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ops import smoke as smoke_test
from ops import targets
from ops.commands.options import NO, Env, Json, Region
from ops.output import Progress, answers, print_json, table
from ops.smoke_orders import SmokeObserved, State
from ops.targets import hold_of

Patience = Annotated[
    float, typer.Option(min=1, help="How long to wait for deliveries, bounces and complaints, in seconds.")
]


def smoke(
    patience_seconds: Patience = 120, env: Env = None, region: Region = None, as_json: Json = False
) -> None:
    """Send orders to SES's mailbox simulator, see that each ends as it should. Exit code 1: one did not.

    Five orders: delivered, bounced, complained about, published twice, malformed. They
    cost next to nothing, harm no reputation and count in no rate. The dead letter is deleted; the records
    stay as evidence, and expire like all others.
    """
    of, progress = targets.find(env, region), Progress()
    if held := hold_of(of).held():
        progress.done(f"sending is on hold since {held.at}: nothing was published; `notify resume`", "✗")
        if as_json:
            print_json({"passed": False, "on_hold_since": held.at, "steps": []})
        raise typer.Exit(NO)
    observed = smoke_test.run(of, patience_seconds, progress)
    failed = [one for one in observed if one.state is not State.PASSED]
    if as_json:
        steps = [_as_json(one) for one in observed]
        print_json({"passed": not failed, "on_hold_since": None, "steps": steps})
    else:
        rows = [
            ("✓" if one.state is State.PASSED else "✗", one.step.name, one.order.order_id, one.detail)
            for one in observed
        ]
        answers().print(table("", "Step", "Order", "What became of it", rows=rows))
    if failed:
        progress.done(
            f"{', '.join(one.step.name for one in failed)} failed. `notify find ORDER` tells more; orders "
            "that are not accepted yet wait in the send queue, and go to the simulator later.",
            "✗",
        )
        raise typer.Exit(NO)
    progress.done("smoke test passed")


def _as_json(one: SmokeObserved) -> dict[str, Any]:
    return {
        "step": one.step.name,
        "order_id": one.order.order_id,
        "passed": one.state is State.PASSED,
        "expected": one.step.expected or "refused",
        "status": one.record["status"] if one.record else None,
        "detail": one.detail,
        "accepted_after_seconds": _rounded(one.accepted_after_seconds),
        "ended_after_seconds": _rounded(one.ended_after_seconds),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
