"""Deploy an environment, or one of its stacks: publish, plan, ask, execute, protect."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ops.deploying import artifacts, deployment, environments, kept, protection, templates
from ops.deploying.artifacts import Release
from ops.deploying.deployment import Executed, Plan
from ops.deploying.environments import Target
from ops.deploying.stack_events import NESTED_STACK
from ops.errors import InputError, OwnershipError, StackMissingError
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
        It would give the environment a second owner.
    StackMissingError
        A stack that it needs outputs of is not deployed.
    DeploymentError
        CloudFormation refused it or rolled back.
    """
    check_stack(stack)
    client, environment = to.aws.cloudformation, to.environment
    environments.check_owner(client, environment, stack)
    is_new = not environments.is_there(client, environment.stack_name(stack))
    left = _left_behind(to, stack) if is_new else []
    release = artifacts.publish(to.aws, environment, progress, poll_seconds=to.poll_seconds)
    settings = environments.resolve(client, environment, stack, release.parameters)
    name = environment.stack_name(stack)
    result = Result(name)
    if left:
        adoption = kept.prepare_adoption(client, name, settings, left, poll_seconds=to.poll_seconds)
        question = f"Adopt what an earlier {stack} stack has left?"
        if not _go_on(to, adoption, operator, result, question, only_plan=only_plan):
            return result
        _execute(to, adoption, progress)
    plan = deployment.prepare(client, name, release.template(stack), settings, poll_seconds=to.poll_seconds)
    if _go_on(to, plan, operator, result, f"Deploy {name}?", only_plan=only_plan):
        try:
            result.deployed = _execute(to, plan, progress)
        finally:
            if environments.is_there(client, name):
                protection.protect(client, name, terminable=stack != templates.ROOT)
    return result


def nest(to: Target, operator: Operator, progress: Progress, *, only_plan: bool = False) -> Result:
    """Hand the stacks that stand alone over to a new root, by import: nothing of theirs changes.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-import-nested-stacks.html

    Raises
    ------
    OwnershipError
        Root is there already.
    StackMissingError
        A stack is not deployed, or not as the working tree has it: the import compares templates.
    DeploymentError
        CloudFormation refused it.
    """
    client, environment = to.aws.cloudformation, to.environment
    name = environment.stack_name()
    if environments.is_there(client, name):
        raise OwnershipError(
            f"{name} is there already.", f"Deploy it with `notify deploy --env {environment.name}`."
        )
    release = artifacts.publish(to.aws, environment, progress, poll_seconds=to.poll_seconds)
    resources, imports = {}, []
    for child in templates.children():
        definition, stack_id = _as_nested(to, child, release)
        resources[templates.nested_id(child)] = definition
        imports.append(
            {
                "ResourceType": NESTED_STACK,
                "LogicalResourceId": templates.nested_id(child),
                "ResourceIdentifier": {"StackId": stack_id},
            }
        )
    plan = kept.prepare_import(
        client, name, {"Resources": resources}, {}, imports, poll_seconds=to.poll_seconds
    )
    result = Result(name)
    if _go_on(to, plan, operator, result, f"Hand these stacks over to {name}?", only_plan=only_plan):
        result.deployed = _execute(to, plan, progress)
        client.update_termination_protection(StackName=name, EnableTerminationProtection=True)
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


def _left_behind(to: Target, stack: str) -> list[kept.Kept]:
    """What an earlier deployment has left of a stack that is to be made.

    Root cannot adopt it: an import reaches no further than the stack that it is made for.
    """
    if stack != templates.ROOT:
        return kept.find(to.aws, to.environment, stack)
    left = [one for child in templates.children() for one in kept.find(to.aws, to.environment, child)]
    if left:
        env = to.environment.name
        raise OwnershipError(
            f"An earlier deployment of {env} has left {len(left)} resources that hold data.",
            f"Go on with it: `notify deploy --env {env} --stack NAME` adopts it, for each of "
            f"{', '.join(templates.children())} in this order; then `notify nest --env {env}`. "
            f"Or delete it: `notify destroy --env {env} --delete-data`.",
        )
    return []


def _as_nested(to: Target, child: str, release: Release) -> tuple[dict[str, Any], str]:
    """A stack that stands alone, as root is to describe it, and its id."""
    name = to.environment.stack_name(child)
    stack = deployment.find_stack(to.aws.cloudformation, name)
    deploy_it = f"Deploy it first: `notify deploy --env {to.environment.name} --stack {child}`."
    if stack is None:
        raise StackMissingError(f"Stack {name} is not deployed.", deploy_it)
    template: Any = to.aws.cloudformation.get_template(StackName=name)["TemplateBody"]
    if template != templates.path(child).read_text():
        raise StackMissingError(f"Stack {name} is not as stacks/{child}.yaml has it.", deploy_it)
    definition = {
        "Type": NESTED_STACK,
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            **release.template(child),
            "Parameters": deployment.parameters_of(stack),
            "Tags": [{"Key": tag["Key"], "Value": tag["Value"]} for tag in stack.get("Tags", [])],
        },
    }
    return definition, stack["StackId"]


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
