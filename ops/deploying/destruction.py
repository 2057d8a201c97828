"""Delete an environment's stacks. What holds data stays, unless it is asked for by flag and by name."""

from __future__ import annotations

from dataclasses import dataclass

from ops.deploying import deployment, environments, retained, templates
from ops.deploying.environments import Target
from ops.deploying.retained import Retained
from ops.deploying.rollout import Operator, check_stack
from ops.errors import OwnershipError, StackMissingError
from ops.output import Progress


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
    doomed = _doomed(of, stack)
    children = [stack] if stack else list(templates.children())
    left = [one for child in children for one in retained.find(of.aws, of.environment, child)]
    names = [of.environment.stack_name(name) for name in doomed]
    if not names and not (delete_data and left):
        raise StackMissingError(
            f"There is no {of.environment.stack_name(stack or templates.ROOT)} to delete.",
            "Look at the environment and the region.",
        )
    if names and not operator.agrees(f"Delete {', '.join(names)}?"):
        return None
    prefix = of.environment.stack_name()
    if delete_data and not operator.confirms(
        "The ledger, the keys, the messages in the queues and the logs are deleted, too.", prefix
    ):
        return None
    for name in names:
        _delete(of, name, progress)
    left = [one for child in children for one in retained.find(of.aws, of.environment, child)]
    if not delete_data:
        return Destroyed(names, left, [])
    deleted = []
    for one in left:
        with progress.doing(f"deleting {one.physical_id}"):
            deleted.append((one, retained.delete(of.aws, one)))
    return Destroyed(names, [], deleted)


def _doomed(of: Target, stack: str | None) -> list[str]:
    """Templates whose stacks go, each before those that it needs."""
    client, environment = of.aws.cloudformation, of.environment
    owner = environments.owner(client, environment)
    if stack is None:
        if owner == "root":
            return [templates.ROOT]
        return list(reversed(environments.standing_alone(client, environment)))
    check_stack(stack)
    if owner == "root" and stack != templates.ROOT:
        raise OwnershipError(
            f"{environment.stack_name()} owns the {stack} stack.",
            f"Delete the whole environment: `notify destroy --env {environment.name}`.",
        )
    alone = environments.standing_alone(client, environment)
    if users := [name for name in alone if stack in templates.predecessors(name)]:
        raise OwnershipError(
            f"{', '.join(users)} still {'needs' if len(users) == 1 else 'need'} {stack}.",
            f"Delete that first: `notify destroy --env {environment.name} --stack {users[-1]}`.",
        )
    return [stack] if environments.is_there(client, environment.stack_name(stack)) else []


def _delete(of: Target, name: str, progress: Progress) -> None:
    client = of.aws.cloudformation
    stack = deployment.find_stack(client, name)
    if stack is None:
        return
    stack_id = stack["StackId"]
    client.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    with progress.doing(f"deleting {name}"):
        deployment.follow(
            client,
            stack_id,
            lambda: client.delete_stack(StackName=stack_id),
            on_event=lambda event: progress.now(f"{event.logical_id}: {event.status}"),
            poll_seconds=of.poll_seconds,
            wanted=("DELETE_COMPLETE",),
        )
    progress.done(f"stack {name} deleted")
