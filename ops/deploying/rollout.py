"""Deploy an environment, or one of its stacks: publish, plan, ask, execute, protect."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from ops.deploying import artifacts, deployment, environments, protection, retained, templates
from ops.deploying.deployment import Executed, Plan
from ops.deploying.environments import Target
from ops.errors import InputError, OwnershipError
from ops.output import Progress


class Operator(Protocol):
    """Who decides."""

    def sees(self, plan: Plan) -> None:
        """Look at a plan."""

    def agrees(self, question: str) -> bool:
        """Say yes or no."""

    def confirms(self, danger: str, name: str) -> bool:
        """Type the name, having read what the danger is."""


class Unattended:
    """An operator for where nothing can be lost: agrees to everything."""

    def sees(self, plan: Plan) -> None:
        """Look away."""

    def agrees(self, question: str) -> bool:
        """Say yes."""
        return True

    def confirms(self, danger: str, name: str) -> bool:
        """Confirm."""
        return True


@dataclass
class Result:
    """What came of a rollout.

    Parameters
    ----------
    deployed
        None when it was only planned, or declined.
    """

    stack_name: str
    plans: list[Plan] = field(default_factory=list)
    deployed: Executed | None = None
    is_declined: bool = False


def deploy(
    to: Target, stack: str, operator: Operator, progress: Progress, *, only_plan: bool = False
) -> Result:
    """Deploy root, or one stack that stands alone, from the working tree.

    Raises
    ------
    InputError
        There is no such stack.
    OwnershipError
        It would give the environment a second owner, or meet what a deleted stack has left.
    StackMissingError
        A stack that it needs outputs of is not deployed.
    DeploymentError
        CloudFormation refused it or rolled back.
    """
    check_stack(stack)
    client, environment = to.aws.cloudformation, to.environment
    environments.check_owner(client, environment, stack)
    name = environment.stack_name(stack)
    if not environments.is_there(client, name):
        _check_nothing_is_retained(to, stack)
    release = artifacts.publish(to.aws, environment, progress, poll_seconds=to.poll_seconds)
    settings = environments.resolve(client, environment, stack, release.parameters)
    result = Result(name)
    plan = deployment.prepare(client, name, release.template(stack), settings, poll_seconds=to.poll_seconds)
    if _go_on(to, plan, operator, result, f"Deploy {name}?", only_plan=only_plan):
        try:
            result.deployed = _execute(to, plan, progress)
        finally:
            if environments.is_there(client, name):
                protection.protect(client, name, terminable=stack != templates.ROOT)
    return result


def check_stack(stack: str) -> None:
    """Make sure that there is such a template.

    Raises
    ------
    InputError
        There is none.
    """
    if stack not in (templates.ROOT, *templates.children()):
        raise InputError(f"There is no stack {stack!r}.", f"stacks/ has {', '.join(templates.children())}.")


def _check_nothing_is_retained(to: Target, stack: str) -> None:
    """CloudFormation would find a name of a new stack taken, when half of the stack is made."""
    children = templates.children() if stack == templates.ROOT else [stack]
    left = [one for child in children for one in retained.find(to.aws, to.environment, child)]
    if left:
        only = "" if stack == templates.ROOT else f" --stack {stack}"
        raise OwnershipError(
            f"A deleted stack has left what holds data: {', '.join(map(str, left))}.",
            "Bring it back by an import, as docs/deployment.md says under 'Bringing data back', "
            f"or delete it: `notify destroy --env {to.environment.name}{only} --delete-data`.",
        )


def _go_on(
    to: Target, plan: Plan, operator: Operator, result: Result, question: str, *, only_plan: bool
) -> bool:
    """Show the plan and ask, twice where data is in danger. A plan that is not wanted is discarded."""
    result.plans.append(plan)
    operator.sees(plan)
    if plan.change_set_id is None:
        return not only_plan
    agreed = False
    try:
        agreed = not only_plan and _has_agreed(plan, operator, question)
    finally:
        if not agreed:
            deployment.discard(to.aws.cloudformation, plan, poll_seconds=to.poll_seconds)
    result.is_declined = not agreed and not only_plan
    return agreed


def _has_agreed(plan: Plan, operator: Operator, question: str) -> bool:
    if not operator.agrees(question):
        return False
    if not plan.endangered:
        return True
    what = ", ".join(f"{change.logical_id} ({change.action})" for change in plan.endangered)
    return operator.confirms(f"This takes away or replaces what holds data: {what}.", plan.stack_name)


def _execute(to: Target, plan: Plan, progress: Progress) -> Executed:
    on_event: Callable[..., None] = progress.resource
    begin = time.monotonic()
    with progress.doing(f"deploying {plan.stack_name}"):
        deployed = deployment.execute(
            to.aws.cloudformation, plan, on_event=on_event, poll_seconds=to.poll_seconds
        )
    took = "" if plan.change_set_id is None else f" in {time.monotonic() - begin:.1f} s"
    progress.done(f"stack {plan.stack_name} {deployed.outcome}{took}")
    return deployed
