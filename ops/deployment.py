"""Create or update a stack through CloudFormation, follow it into its nested stacks, find why it failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from botocore.exceptions import ClientError

from ops.errors import DeploymentError, InputError

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackEventTypeDef, StackTypeDef

NESTED_STACK = "AWS::CloudFormation::Stack"
SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
UPDATABLE = (*SUCCEEDED, "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
"""From any other status that is not in progress CloudFormation updates nothing:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html"""

Outcome = Literal["created", "updated", "unchanged"]


@dataclass(frozen=True)
class Settings:
    """A parameter file: what an environment passes to root, and the tags of all its resources."""

    parameters: dict[str, str]
    tags: dict[str, str]


@dataclass(frozen=True)
class ResourceEvent:
    """What happened to one resource.

    Parameters
    ----------
    stack
        Where: logical ids from root down, joined by "/"; empty for root itself.
    """

    stack: str
    logical_id: str
    resource_type: str
    status: str
    reason: str
    at: datetime

    @property
    def depth(self) -> int:
        """How deep it is nested: 0 in root."""
        return len(self.stack.split("/")) if self.stack else 0

    @property
    def is_complete(self) -> bool:
        """Whether the resource has reached the wanted state."""
        return self.status in SUCCEEDED

    @property
    def is_failure(self) -> bool:
        """Whether the resource failed, by itself or because another one did."""
        return self.status.endswith("_FAILED")

    def __str__(self) -> str:
        where = f"{self.stack}/{self.logical_id}" if self.stack else self.logical_id
        return f"{where} ({self.resource_type}): {self.reason or self.status}"


@dataclass(frozen=True)
class Deployed:
    """A stack in the wanted state."""

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


def deploy(
    client: CloudFormationClient,
    stack_name: str,
    template_url: str,
    settings: Settings,
    *,
    on_event: Callable[[ResourceEvent], None],
    poll_seconds: float = 2.0,
) -> Deployed:
    """Create the stack, or update it, and wait until that is done. No change is a success.

    Parameters
    ----------
    template_url
        Where the template is in the artifact bucket.
    on_event
        Called for each event of the stack and of those nested in it, oldest first.
    poll_seconds
        Time between two looks at the stack.

    Raises
    ------
    DeploymentError
        CloudFormation refused the request or rolled back; says which resource failed first and why.
    """
    stack = find_stack(client, stack_name)
    if stack is not None and stack["StackStatus"].endswith("_IN_PROGRESS"):
        stack = _wait(client, stack_name, poll_seconds, lambda: None)
    if stack is not None and stack["StackStatus"] not in UPDATABLE:
        raise DeploymentError(
            f"Stack {stack_name} is {stack['StackStatus']}: CloudFormation does not update it.",
            "Repair or delete it, then deploy again.",
        )
    feed = _EventFeed(client, stack_name)
    if stack is not None:
        feed.new()
    events: list[ResourceEvent] = []

    def look() -> None:
        for event in feed.new():
            events.append(event)
            on_event(event)

    request: dict[str, Any] = {
        "StackName": stack_name,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in settings.parameters.items()],
        "Tags": [{"Key": k, "Value": v} for k, v in settings.tags.items()],
        "Capabilities": ["CAPABILITY_IAM"],
    }
    try:
        if stack is None:
            client.create_stack(**request)
        else:
            client.update_stack(**request)
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if stack is not None and "No updates are to be performed" in message:
            return Deployed("unchanged", outputs_of(stack))
        raise DeploymentError(
            f"CloudFormation refused {stack_name}: {message}",
            "Correct the template or its parameters, then try again.",
        ) from error
    outcome: Outcome = "created" if stack is None else "updated"
    after = _wait(client, stack_name, poll_seconds, look)
    if after["StackStatus"] not in SUCCEEDED:
        cause = first_cause(events)
        raise DeploymentError(
            f"Stack {stack_name} is {after['StackStatus']}. {cause or after.get('StackStatusReason', '')}",
            "Correct that, then deploy again.",
        )
    return Deployed(outcome, outputs_of(after))


def first_cause(events: list[ResourceEvent]) -> ResourceEvent | None:
    """Among the events of a failed deployment, find the one that made all others fail.

    A resource is reported as failed also when it was cancelled because of another one, and a nested stack
    because of something in it: neither is a cause while there is another failure.
    """
    failures = sorted((event for event in events if event.is_failure), key=lambda event: event.at)
    causes = [event for event in failures if "cancelled" not in event.reason.lower()]
    inside = [event for event in causes if event.resource_type != NESTED_STACK]
    return next(iter([*inside, *causes, *failures]), None)


def _wait(
    client: CloudFormationClient, stack_name: str, poll_seconds: float, look: Callable[[], None]
) -> StackTypeDef:
    """Look at the stack until nothing is in progress; `look` is called before each time and once after."""
    while True:
        look()
        stack = find_stack(client, stack_name)
        if stack is None:
            raise DeploymentError(f"Stack {stack_name} was deleted meanwhile.", "Deploy it again.")
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            look()
            return stack
        time.sleep(poll_seconds)


class _EventFeed:
    """The events of a stack and of all that are nested in it, each once."""

    def __init__(self, client: CloudFormationClient, stack_name: str) -> None:
        self._client = client
        self._paths = {stack_name: ""}
        """Path of each known stack, by name or id."""
        self._unknown: dict[str, str] = {}
        """Path of each nested stack whose id no event has told yet, by the beginning of its name."""
        self._seen: set[str] = set()

    def new(self) -> list[ResourceEvent]:
        """Events that came since the last call, oldest first; of the same moment, nested ones first.

        Parents are read before what is nested in them: no parent is complete before its parts then.
        """
        events: list[ResourceEvent] = []
        read: list[str] = []
        while unread := [stack for stack in self._paths if stack not in read]:
            for stack in unread:
                events += self._read(stack)
            read += unread
            self._look_for_unknown()
        return sorted(events, key=lambda event: (event.at, -event.depth))

    def _read(self, stack: str) -> Iterator[ResourceEvent]:
        path = self._paths[stack]
        for raw in reversed(list(self._unread(stack))):
            event = _resource_event(path, raw)
            is_own = raw.get("PhysicalResourceId") == raw["StackId"]
            if event.resource_type == NESTED_STACK and not is_own:
                self._note_nested(path, raw)
            if not is_own or event.is_failure:
                yield event

    def _unread(self, stack: str) -> Iterator[StackEventTypeDef]:
        """Newest first."""
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack):
            for raw in page["StackEvents"]:
                if raw["EventId"] in self._seen:
                    return
                self._seen.add(raw["EventId"])
                yield raw

    def _note_nested(self, path: str, raw: StackEventTypeDef) -> None:
        logical_id = raw["LogicalResourceId"]
        prefix = f"{raw['StackName']}-{logical_id}-"
        nested_path = f"{path}/{logical_id}".lstrip("/")
        if nested := raw.get("PhysicalResourceId"):
            self._paths[nested] = nested_path
            self._unknown.pop(prefix, None)
        elif nested_path not in self._paths.values():
            self._unknown[prefix] = nested_path

    def _look_for_unknown(self) -> None:
        """Find nested stacks by name, <parent>-<logical id>-<random>: the emulator tells ids late."""
        if not self._unknown:
            return
        pages = self._client.get_paginator("describe_stacks").paginate()
        stacks = sorted(
            (s for page in pages for s in page["Stacks"]), key=lambda s: s["CreationTime"], reverse=True
        )
        for prefix, path in list(self._unknown.items()):
            newest = next((s for s in stacks if s["StackName"].startswith(prefix)), None)
            if newest:
                self._paths[newest["StackId"]] = path
                del self._unknown[prefix]


def _resource_event(path: str, raw: StackEventTypeDef) -> ResourceEvent:
    return ResourceEvent(
        stack=path,
        logical_id=raw["LogicalResourceId"],
        resource_type=raw["ResourceType"],
        status=raw["ResourceStatus"],
        reason=raw.get("ResourceStatusReason", ""),
        at=raw["Timestamp"],
    )
