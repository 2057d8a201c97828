"""Faults that strike by time: busy workers of a function are killed at intervals."""

from __future__ import annotations

import asyncio
import random

from ci.emulator import lambda_workers
from ci.emulator.faults import Fault, FaultPlan

_running: list[asyncio.Task[None]] = []


def restart(plan: FaultPlan) -> None:
    """Run the timers of the faults in force, and no others. Called on the event loop."""
    for task in _running:
        task.cancel()
    _running[:] = [asyncio.create_task(_strike(plan, fault)) for fault in plan.timers()]


async def _strike(plan: FaultPlan, fault: Fault) -> None:
    seed = f"{plan.seed}/{fault.name}/timer"
    choice = random.Random(seed)  # noqa: S311 - repeatable, not secret
    while True:
        await asyncio.sleep(choice.uniform(*fault.seconds))
        busy = lambda_workers.busy(fault.caller)
        if busy and plan.strike(fault.name):
            choice.choice(busy).kill()
