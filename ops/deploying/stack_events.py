"""What CloudFormation tells while it works: the events of a stack and of all that are nested in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackEventTypeDef

NESTED_STACK = "AWS::CloudFormation::Stack"
COMPLETE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE")


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
    def is_complete(self) -> bool:
        """Whether the resource has reached the wanted state."""
        return self.status in COMPLETE

    @property
    def is_failure(self) -> bool:
        """Whether the resource failed, by itself or because another one did."""
        return self.status.endswith("_FAILED")

    def __str__(self) -> str:
        where = f"{self.stack}/{self.logical_id}" if self.stack else self.logical_id
        return f"{where} ({self.resource_type}): {self.reason or self.status}"


def first_cause(events: list[ResourceEvent]) -> ResourceEvent | None:
    """Among the events of a failed deployment, find the one that made all others fail.

    A resource is reported as failed also when it was cancelled because of another one, and a nested stack
    because of something in it: neither is a cause while there is another failure.
    """
    failures = sorted((event for event in events if event.is_failure), key=lambda event: event.at)
    causes = [event for event in failures if "cancelled" not in event.reason.lower()]
    inside = [event for event in causes if event.resource_type != NESTED_STACK]
    return next(iter([*inside, *causes, *failures]), None)


def validation_errors(client: CloudFormationClient, change_set_id: str) -> list[str]:
    """What CloudFormation's validation has found wrong with a change set's template, each with its path."""
    events = client.describe_events(ChangeSetName=change_set_id)["OperationEvents"]
    errors = [one for one in events if one.get("EventType") == "VALIDATION_ERROR"]
    return [f"{one.get('ValidationPath', '')}: {one.get('ValidationStatusReason', '')}" for one in errors]


class EventFeed:
    """The events of a stack and of all that are nested in it, each once."""

    def __init__(self, client: CloudFormationClient, stack_name: str) -> None:
        self._client = client
        self._paths = {stack_name: ""}
        """Path of each known stack, by name or id."""
        self._seen: set[str] = set()
        self.has_begun = False
        """Whether the stack itself has told of anything since `skip`."""

    def skip(self) -> None:
        """Forget what is there."""
        self.new()
        self.has_begun = False

    def new(self) -> list[ResourceEvent]:
        """Events that came since the last call, oldest first; of the same moment, nested ones first.

        Parents are read before what is nested in them: no parent is complete before its parts then.
        """
        events: list[ResourceEvent] = []
        read: set[str] = set()
        while unread := self._paths.keys() - read:
            for stack in unread:
                events += self._read(stack)
            read |= unread
        return sorted(events, key=lambda event: (event.at, -len(event.stack)))

    def _read(self, stack: str) -> Iterator[ResourceEvent]:
        path = self._paths[stack]
        for raw in reversed(list(self._unread(stack))):
            event = ResourceEvent(
                stack=path,
                logical_id=raw["LogicalResourceId"],
                resource_type=raw["ResourceType"],
                status=raw["ResourceStatus"],
                reason=raw.get("ResourceStatusReason", ""),
                at=raw["Timestamp"],
            )
            nested = raw.get("PhysicalResourceId")
            is_own = nested == raw["StackId"]
            if event.resource_type == NESTED_STACK and nested and not is_own:
                self._paths[nested] = f"{path}/{event.logical_id}".lstrip("/")
            self.has_begun = self.has_begun or (is_own and not path)
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
