"""Deploy an environment, or one of its stacks: publish, plan, ask, execute, protect. And destroy it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ops.deploying import artifacts, retained, templates
from ops.deploying.environments import Target
from ops.deploying.plans import Plan
from ops.deploying.retained import Retained
from ops.deploying.stacks import Outcome
from ops.errors import InputError, OwnershipError, StackMissingError
from ops.output import Progress


class Operator:
    """Who decides; this one, for where nothing can be lost, looks away and agrees to everything."""

    def sees(self, plan: Plan) -> None:
        """Look at a plan."""

    def agrees(self, question: str) -> bool:
        """Say yes or no."""
        return True

    def confirms(self, danger: str, name: str) -> bool:
        """Type the name, having read what the danger is."""
        return True


@dataclass(frozen=True)
class Result:
    """What came of a deployment.

    Parameters
    ----------
    outcome
        None when it was only planned, or declined.
    """

    plan: Plan
    outcome: Outcome | None = None
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Destroyed:
    """What is gone, and what is not.

    Parameters
    ----------
    deleted
        Data that was deleted, each with until when that can be undone.
    """

    stack_names: list[str]
    kept: list[Retained]
    deleted: list[tuple[Retained, str]]


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
    _check_stack(stack)
    to.check_owner(stack)
    deployed = to.stack(stack)
    if not deployed.find():
        _check_nothing_is_left(to, stack)
    release = artifacts.publish(to, progress)
    plan = deployed.prepare(release.template(stack), to.settings_of(stack, release.parameters))
    operator.sees(plan)
    agreed = False
    try:
        agreed = not only_plan and _agrees(operator, plan)
    finally:
        if not agreed:
            deployed.discard(plan)
    if not agreed:
        return Result(plan)
    begin = time.monotonic()
    try:
        with progress.doing(f"deploying {plan.stack_name}"):
            done = deployed.execute(plan, progress.resource)
    finally:
        if deployed.find():
            deployed.protect(terminable=stack != templates.ROOT)
    took = f" in {time.monotonic() - begin:.1f} s" if plan.change_set_id else ""
    progress.done(f"stack {plan.stack_name} {done.outcome}{took}")
    return Result(plan, done.outcome, done.outputs)


def destroy(
    of: Target, stack: str | None, operator: Operator, progress: Progress, *, delete_data: bool
) -> Destroyed | None:
    """Delete an environment's stacks, or one that stands alone; None when the operator says no.

    Parameters
    ----------
    stack
        Name of the template; None means all that there is of the environment.
    delete_data
        Whether what is kept otherwise is deleted, too, also what is left of earlier stacks.

    Raises
    ------
    StackMissingError
        There is nothing to delete.
    OwnershipError
        The stack is root's, or another one needs it.
    """
    stacks = [of.stack(name) for name in _doomed(of, stack)]
    names = [each.name for each in stacks]
    root = of.stack().name
    if not names and not (delete_data and _left(of, stack)):
        missing = of.stack(stack or templates.ROOT).name
        raise StackMissingError(
            f"There is no {missing} to delete.", "Look at the environment and the region."
        )
    if names and not operator.agrees(f"Delete {', '.join(names)}?"):
        return None
    danger = "The ledger, the keys, the messages in the queues and the logs are deleted, too."
    if delete_data and not operator.confirms(danger, root):
        return None
    for each in stacks:
        with progress.doing(f"deleting {each.name}"):
            each.delete(lambda event: progress.now(f"{event.logical_id}: {event.status}"))
        progress.done(f"stack {each.name} deleted")
    left = _left(of, stack)
    if not delete_data:
        return Destroyed(names, left, [])
    return Destroyed(names, [], [(one, retained.delete(of.aws, one)) for one in left])


def _check_stack(stack: str) -> None:
    if stack not in (templates.ROOT, *templates.children()):
        raise InputError(f"There is no stack {stack!r}.", f"stacks/ has {', '.join(templates.children())}.")


def _check_nothing_is_left(to: Target, stack: str) -> None:
    """CloudFormation would find a name taken when half of the stack is made."""
    if left := _left(to, stack):
        only = "" if stack == templates.ROOT else f" --stack {stack}"
        raise OwnershipError(
            f"A deleted stack has left what holds data: {', '.join(map(str, left))}.",
            "Bring it back by an import, as docs/deployment.md says under 'Bringing data back', "
            f"or delete it: `notify destroy --env {to.environment.name}{only} --delete-data`.",
        )


def _left(of: Target, stack: str | None) -> list[Retained]:
    return retained.find(of, templates.children() if stack in (None, templates.ROOT) else [stack])


def _agrees(operator: Operator, plan: Plan) -> bool:
    """Ask, twice where data is in danger; where nothing changes there is nothing to ask."""
    if plan.change_set_id is None:
        return True
    if not operator.agrees(f"Deploy {plan.stack_name}?"):
        return False
    what = ", ".join(f"{change.logical_id} ({change.action})" for change in plan.endangered)
    danger = f"This takes away or replaces what holds data: {what}."
    return not what or operator.confirms(danger, plan.stack_name)


def _doomed(of: Target, stack: str | None) -> list[str]:
    """Templates whose stacks go, each before those that it needs."""
    owner, alone = of.owner(), of.standing_alone()
    if stack is None:
        return [templates.ROOT] if owner == "root" else alone[::-1]
    _check_stack(stack)
    env = of.environment.name
    if owner == "root" and stack != templates.ROOT:
        raise OwnershipError(
            f"{of.stack().name} owns the {stack} stack.",
            f"Delete the whole environment: `notify destroy --env {env}`.",
        )
    if users := [name for name in alone if stack in templates.predecessors(name)]:
        raise OwnershipError(
            f"{', '.join(users)} still {'needs' if len(users) == 1 else 'need'} {stack}.",
            f"Delete that first: `notify destroy --env {env} --stack {users[-1]}`.",
        )
    return [stack] if of.stack(stack).find() else []
