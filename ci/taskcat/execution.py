"""A run: for each test, deploy it in all regions, look at it, delete it, and see that it is gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from ci.taskcat import checks, staging
from ci.taskcat.deployment import deployed
from ci.taskcat.region import standing
from ci.taskcat.results import Check, Run, StackResult
from ci.taskcat.retained import retained_by
from ci.taskcat.staging import Plan
from ci.taskcat.target import Target
from ops.aws import Aws
from ops.deploying.retained import Retained, delete
from ops.release.build import build

Tell = Callable[[StackResult, Check], None]


def perform(target: Target, plan: Plan, tell: Tell, *, delete_retained: bool) -> Run:
    """Do everything that is planned, one test after the other.

    Parameters
    ----------
    tell
        Called with each check when it is done.
    delete_retained
        Whether to delete also what outlives its stack; else it is only listed.

    Raises
    ------
    BuildError
        The artifact or taskcat's environment cannot be made here.
    DeploymentError
        taskcat has ended without having created anything.
    """
    begin = time.monotonic()
    run = Run(target.name, target.account, datetime.now(UTC), deletes_retained=delete_retained)
    staging.stage(build(target.artifact))
    for test in plan.tests:
        results = {region: StackResult(test, region) for region in plan.regions}
        run.stacks += results.values()
        _perform_test(target, test, results, tell, delete_retained=delete_retained)
        run.seconds = time.monotonic() - begin
    return run


def _perform_test(
    target: Target, test: str, results: dict[str, StackResult], tell: Tell, *, delete_retained: bool
) -> None:
    def add(region: str, check: Check) -> None:
        results[region].checks.append(check)
        tell(results[region], check)

    # One run of taskcat for each test: in a common one it gives each stack the tags of all tests, and
    # CloudFormation refuses a stack that has two tags of the same key.
    with deployed(target, test, list(results)) as stacks:
        for name, stack in stacks.items():
            results[name].stack, results[name].outputs = stack.name, stack.outputs
            add(name, checks.created(stack))
        regions = [standing(target, stack) for stack in stacks.values() if stack.was_accepted]
        for name, check in checks.look_at([r for r in regions if stacks[r.name].is_complete]):
            add(name, check)
    for region in regions:
        gone = checks.perform("deleted", partial(checks.stacks_are_gone, region))
        add(region.name, replace(gone, seconds=stacks[region.name].seconds))
        retained = results[region.name].retained = retained_by(region)
        deal = (
            partial(_delete, retained, target.aws(region.name))
            if delete_retained
            else partial(_listed, retained)
        )
        add(region.name, checks.perform("what outlives them", deal))


def _delete(retained: list[Retained], aws: Aws) -> str:
    for one in retained:
        delete(aws, one)
    return f"{len(retained)} resources deleted"


def _listed(retained: list[Retained]) -> str:
    return f"{len(retained)} resources to delete, listed below"
