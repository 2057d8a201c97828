"""Bring a stack into the wanted state through CloudFormation: first a plan, then its execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from botocore.exceptions import ClientError

from ops.deploying import change_sets, protection
from ops.deploying.change_sets import Change
from ops.deploying.stack_events import EventFeed, ResourceEvent, first_cause
from ops.errors import DeploymentError, InputError
from ops.waiting import wait_for

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
UPDATABLE = (*SUCCEEDED, "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
"""From any other status that is not in progress CloudFormation updates nothing:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html"""

IN_REVIEW = "REVIEW_IN_PROGRESS"
"""A stack of which there is no more than a change set."""

TIMEOUT_SECONDS = 3600.0
"""How long an operation on a stack is followed. None of ours takes longer than minutes."""

DISCARD_TIMEOUT_SECONDS = 60.0
"""How long the removal of a stack without resources is waited for."""

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Settings:
    """A parameter file: what an environment passes to root, and the tags of all its resources."""

    parameters: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class Plan:
    """What a deployment would do.

    Parameters
    ----------
    change_set_id
        None when nothing would change.
    parameters
        Parameters of an existing stack that change: what they are (None: not there) and would be.
    unseen
        Why nested stacks could not be looked into; empty when they were.
    """

    stack_name: str
    is_new: bool
    change_set_id: str | None
    parameters: dict[str, tuple[str | None, str]]
    changes: tuple[Change, ...]
    unseen: str = ""

    @property
    def endangered(self) -> list[Change]:
        """Changes that would replace or remove what holds data."""
        return [change for change in self.changes if change.endangers_data]


@dataclass(frozen=True)
class Executed:
    """A plan that was executed: the stack is in the wanted state."""

    outcome: Outcome
    outputs: dict[str, str]


def load_settings(path: Path) -> Settings:
    """Read a parameter file in the form of rain's `--config`: the mappings `Parameters` and `Tags`.

    Raises
    ------
    InputError
        The file is not of that form, or a value is not a string (an unquoted `007` or `true` would change).
    """
    document = yaml.safe_load(path.read_text())
    if not isinstance(document, dict) or not document.keys() <= {"Parameters", "Tags"}:
        raise InputError(
            f"{path} is not a parameter file.", "It has the mappings `Parameters` and `Tags` only."
        )
    sections = {name: document.get(name) or {} for name in ("Parameters", "Tags")}
    for name, values in sections.items():
        for key, value in values.items():
            if not isinstance(value, str):
                raise InputError(f"{path}: {name}.{key} is {value!r}, not a string.", "Put it in quotes.")
    return Settings(sections["Parameters"], sections["Tags"])


def find_stack(client: CloudFormationClient, stack_name: str) -> StackTypeDef | None:
    """Look a stack up by name; None if there is none."""
    try:
        return client.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def outputs_of(stack: StackTypeDef) -> dict[str, str]:
    """Outputs of a stack, by name."""
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def parameters_of(stack: StackTypeDef) -> dict[str, str]:
    """Parameters of a stack, by name."""
    return {p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", [])}


def prepare(
    client: CloudFormationClient,
    stack_name: str,
    template: Mapping[str, str],
    settings: Settings,
    *,
    poll_seconds: float = 2.0,
) -> Plan:
    """Let CloudFormation say what creating or updating the stack would do. Execute the plan or discard it.

    Waits while another operation on the stack is in progress.

    Parameters
    ----------
    template
        `TemplateURL` or `TemplateBody`.
    poll_seconds
        Time between two looks at the stack.

    Raises
    ------
    DeploymentError
        CloudFormation refused it, or does not update the stack as it is.
    """
    stack = _settled(client, stack_name, poll_seconds)
    if stack is not None and stack["StackStatus"] not in UPDATABLE:
        raise DeploymentError(
            f"Stack {stack_name} is {stack['StackStatus']}: CloudFormation does not update it.",
            "Repair or delete it, then deploy again.",
        )
    request: dict[str, Any] = {
        "StackName": stack_name,
        **template,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in settings.parameters.items()],
        "Tags": [{"Key": k, "Value": v} for k, v in settings.tags.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    kind: change_sets.Kind = "UPDATE" if stack else "CREATE"
    change_set = change_sets.create(client, kind, request, poll_seconds=poll_seconds)
    before = parameters_of(stack) if stack else {}
    return Plan(
        stack_name=stack_name,
        is_new=stack is None,
        change_set_id=change_set.id,
        parameters={
            name: (before.get(name), value)
            for name, value in settings.parameters.items()
            if before and before.get(name) != value
        },
        changes=change_set.changes,
        unseen=change_set.unseen,
    )


def execute(
    client: CloudFormationClient,
    plan: Plan,
    *,
    on_event: Callable[[ResourceEvent], None],
    poll_seconds: float = 2.0,
) -> Executed:
    """Do what the plan says, and wait until it is done. No change is a success.

    What it endangers is no longer protected while it runs: whoever executes such a plan has agreed to it.

    Parameters
    ----------
    on_event
        Called for each event of the stack and of those nested in it, oldest first.

    Raises
    ------
    DeploymentError
        CloudFormation refused it or rolled back; says which resource failed first and why.
    """
    if plan.change_set_id is None:
        stack = find_stack(client, plan.stack_name)
        return Executed("unchanged", outputs_of(stack) if stack else {})
    if plan.endangered:
        protection.lift(client, plan.stack_name)
    change_set_id = plan.change_set_id
    after = follow(
        client,
        plan.stack_name,
        lambda: client.execute_change_set(StackName=plan.stack_name, ChangeSetName=change_set_id),
        on_event=on_event,
        poll_seconds=poll_seconds,
    )
    return Executed("created" if plan.is_new else "updated", outputs_of(after))


def discard(client: CloudFormationClient, plan: Plan, *, poll_seconds: float = 2.0) -> None:
    """Leave CloudFormation as it was before the plan."""
    if plan.change_set_id is None:
        return
    client.delete_change_set(ChangeSetName=plan.change_set_id)
    stack = find_stack(client, plan.stack_name)
    if stack is not None and stack["StackStatus"] == IN_REVIEW:
        client.delete_stack(StackName=plan.stack_name)
        wait_for(
            lambda: find_stack(client, plan.stack_name) is None,
            timeout_seconds=DISCARD_TIMEOUT_SECONDS,
            poll_seconds=poll_seconds,
        )


def follow(
    client: CloudFormationClient,
    stack_name: str,
    start: Callable[[], object],
    *,
    on_event: Callable[[ResourceEvent], None],
    poll_seconds: float,
    wanted: tuple[str, ...] = SUCCEEDED,
) -> StackTypeDef:
    """Start an operation on a stack, follow it to its end, and return the stack.

    Parameters
    ----------
    stack_name
        Its name, or its id when it is to be deleted: a deleted stack is known by its id only.
    wanted
        Statuses that mean success.

    Raises
    ------
    DeploymentError
        CloudFormation refused the request or rolled back; says which resource failed first and why.
    """
    feed = EventFeed(client, stack_name)
    if find_stack(client, stack_name):
        feed.skip()
    events: list[ResourceEvent] = []

    def look() -> None:
        for event in feed.new():
            events.append(event)
            on_event(event)

    try:
        start()
    except ClientError as error:
        raise DeploymentError(
            f"CloudFormation refused {stack_name}: {error.response['Error']['Message']}",
            "Correct that, then try again.",
        ) from error
    after = _wait(client, stack_name, poll_seconds, look, lambda: feed.has_begun)
    if after["StackStatus"] not in wanted:
        cause = first_cause(events)
        raise DeploymentError(
            f"Stack {stack_name} is {after['StackStatus']}. {cause or after.get('StackStatusReason', '')}",
            "Correct that, then deploy again.",
        )
    return after


def _settled(client: CloudFormationClient, stack_name: str, poll_seconds: float) -> StackTypeDef | None:
    """The stack once nothing is in progress on it; None if there is none, or no more than a change set."""
    stack = find_stack(client, stack_name)
    if stack is not None and stack["StackStatus"] == IN_REVIEW:
        return None
    if stack is not None and stack["StackStatus"].endswith("_IN_PROGRESS"):
        return _wait(client, stack_name, poll_seconds)
    return stack


def _wait(
    client: CloudFormationClient,
    stack_name: str,
    poll_seconds: float,
    look: Callable[[], None] = lambda: None,
    has_begun: Callable[[], bool] = lambda: True,
) -> StackTypeDef:
    """Look at the stack until an operation has begun and nothing is in progress.

    `look` is called before each time and once after.
    """

    def settled() -> StackTypeDef | None:
        look()
        stack = find_stack(client, stack_name)
        if stack is None:
            raise DeploymentError(f"Stack {stack_name} was deleted meanwhile.", "Deploy it again.")
        return stack if has_begun() and not stack["StackStatus"].endswith("_IN_PROGRESS") else None

    stack = wait_for(settled, timeout_seconds=TIMEOUT_SECONDS, poll_seconds=poll_seconds)
    if stack is None:
        raise DeploymentError(
            f"CloudFormation has worked on stack {stack_name} for {TIMEOUT_SECONDS / 60:.0f} minutes.",
            "It goes on: look at the stack's events, and deploy again when it is done.",
        )
    look()
    return stack
