"""A stack of CloudFormation: planned, executed, followed, protected, deleted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from botocore.exceptions import ClientError

from ops.deploying import plans
from ops.deploying.plans import STATEFUL_TYPES, Plan
from ops.deploying.stack_events import (
    NESTED_STACK,
    EventFeed,
    ResourceEvent,
    first_cause,
    validation_errors,
)
from ops.errors import DeploymentError
from ops.waiting import wait_for

if TYPE_CHECKING:
    from types_boto3_cloudformation import CloudFormationClient
    from types_boto3_cloudformation.type_defs import StackTypeDef

    from ops.deploying.environments import Settings

SUCCEEDED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
UPDATABLE = (*SUCCEEDED, "UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
"""From any other status that is not in progress CloudFormation updates nothing:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html"""

IN_REVIEW = "REVIEW_IN_PROGRESS"
"""A stack of which there is no more than a change set."""

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")

VALIDATION_FAILED = "EarlyValidation"
"""Of the reason of a change set that fails CloudFormation's validation, which names no resource:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html"""

TIMEOUT_SECONDS = 3600.0
"""How long CloudFormation is waited for. Nothing of ours takes longer than minutes."""

ALLOW_ALL = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
KEEP_DATA = {
    "Effect": "Deny",
    "Action": ["Update:Replace", "Update:Delete"],
    "Principal": "*",
    "Resource": "*",
    "Condition": {"StringEquals": {"ResourceType": list(STATEFUL_TYPES)}},
}
"""Statements of stack policies:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html"""

T = TypeVar("T")
Outcome = Literal["created", "updated", "unchanged"]
OnEvent = Callable[[ResourceEvent], None]
"""Called for each event of a stack and of those nested in it, oldest first."""


@dataclass(frozen=True)
class Executed:
    """A plan that was executed: the stack is in the wanted state."""

    outcome: Outcome
    outputs: dict[str, str]


def find_stack(client: CloudFormationClient, stack_name: str) -> StackTypeDef | None:
    """Look a stack up by name or id; None if there is none."""
    try:
        return client.describe_stacks(StackName=stack_name)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def outputs_of(stack: StackTypeDef | None) -> dict[str, str]:
    """Outputs of a stack, by name; of none, none."""
    outputs = stack.get("Outputs", []) if stack else []
    return {output["OutputKey"]: output["OutputValue"] for output in outputs}


def with_nested(client: CloudFormationClient, stack_name: str) -> list[str]:
    """A stack, and the ids of all that are nested in it."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=stack_name)
    nested = [
        resource["PhysicalResourceId"]
        for page in pages
        for resource in page["StackResourceSummaries"]
        if resource["ResourceType"] == NESTED_STACK and resource.get("PhysicalResourceId")
    ]
    return [stack_name, *(each for child in nested for each in with_nested(client, child))]


@dataclass(frozen=True)
class Stack:
    """A stack by its name or id, whether it is there or not.

    Parameters
    ----------
    poll_seconds
        Time between two looks at it.
    """

    client: CloudFormationClient
    name: str
    poll_seconds: float = 2.0

    def find(self) -> StackTypeDef | None:
        """Look it up; None if it is not there, or no more than a change set for it."""
        found = find_stack(self.client, self.name)
        return None if found is None or found["StackStatus"] == IN_REVIEW else found

    def prepare(self, template: Mapping[str, str], settings: Settings) -> Plan:
        """Let CloudFormation say what creating or updating it would do. Execute the plan or discard it.

        Waits while another operation on the stack is in progress.

        Parameters
        ----------
        template
            `TemplateURL` or `TemplateBody`.

        Raises
        ------
        DeploymentError
            CloudFormation refused it, or does not update the stack as it is.
        """
        stack = self._settled() if self.find() else None
        if stack and stack["StackStatus"] not in UPDATABLE:
            raise DeploymentError(
                f"Stack {self.name} is {stack['StackStatus']}: CloudFormation does not update it.",
                "Repair or delete it, then deploy again.",
            )
        request: dict[str, Any] = {
            "StackName": self.name,
            **template,
            "Parameters": [{"ParameterKey": k, "ParameterValue": v} for k, v in settings.parameters.items()],
            "Tags": [{"Key": k, "Value": v} for k, v in settings.tags.items()],
            "Capabilities": ["CAPABILITY_IAM"],
        }
        if stack is None:
            # A look into stacks that are yet to be made would need the outputs of siblings that are, too.
            return self._plan(ChangeSetType="CREATE", **request)
        before = {p["ParameterKey"]: p.get("ParameterValue", "") for p in stack.get("Parameters", [])}
        request["ChangeSetType"] = "UPDATE"
        try:
            plan = self._plan(IncludeNestedStacks=True, **request)
        except DeploymentError as error:
            plan = replace(self._plan(**request), unseen=error.what)
        changed = {k: (before.get(k), v) for k, v in settings.parameters.items() if before.get(k) != v}
        return replace(plan, parameters=changed if before else {})

    def execute(self, plan: Plan, on_event: OnEvent) -> Executed:
        """Do what the plan says, and wait until it is done. No change is a success.

        What it endangers is no longer protected while it runs: whoever executes such a plan has agreed to it.

        Raises
        ------
        DeploymentError
            CloudFormation refused it or rolled back; says which resource failed first and why.
        """
        if plan.change_set_id is None:
            return Executed("unchanged", outputs_of(self.find()))
        if plan.endangered:
            self._set_policies(ALLOW_ALL)
        start = partial(self.client.execute_change_set, StackName=self.name, ChangeSetName=plan.change_set_id)
        after = self._follow(start, on_event, SUCCEEDED)
        return Executed("created" if plan.is_new else "updated", outputs_of(after))

    def discard(self, plan: Plan) -> None:
        """Leave CloudFormation as it was before the plan."""
        if plan.change_set_id is None:
            return
        self.client.delete_change_set(ChangeSetName=plan.change_set_id)
        found = find_stack(self.client, self.name)
        if found and found["StackStatus"] == IN_REVIEW:
            self.client.delete_stack(StackName=self.name)
            self._wait(lambda: find_stack(self.client, self.name) is None)

    def protect(self, *, terminable: bool) -> None:
        """Keep updates from replacing or removing what holds data, here and in nested stacks.

        Parameters
        ----------
        terminable
            Whether the stack itself may be deleted without lifting its termination protection first.
        """
        self._set_policies(ALLOW_ALL, KEEP_DATA)
        self.client.update_termination_protection(
            StackName=self.name, EnableTerminationProtection=not terminable
        )

    def delete(self, on_event: OnEvent) -> None:
        """Delete it, protected or not, and wait until it is gone.

        Raises
        ------
        DeploymentError
            CloudFormation could not; says which resource failed first and why.
        """
        if found := self.find():
            self.client.update_termination_protection(StackName=self.name, EnableTerminationProtection=False)
            # A deleted stack is known by its id only.
            by_id = replace(self, name=found["StackId"])
            by_id._follow(
                partial(self.client.delete_stack, StackName=by_id.name), on_event, ("DELETE_COMPLETE",)
            )

    def _plan(self, **request: Any) -> Plan:
        try:
            made = self.client.create_change_set(ChangeSetName=f"notify-{uuid.uuid4().hex[:12]}", **request)
        except ClientError as error:
            raise self._refusal(error.response["Error"]["Message"]) from error

        def complete() -> Any:
            change_set = self.client.describe_change_set(ChangeSetName=made["Id"])
            return None if change_set["Status"].endswith(("_PENDING", "_IN_PROGRESS")) else change_set

        change_set = self._wait(complete)
        plan = Plan(self.name, request["ChangeSetType"] == "CREATE", None, {}, ())
        if change_set["Status"] == "FAILED" or change_set.get("ExecutionStatus") == "UNAVAILABLE":
            reason = change_set.get("StatusReason") or "without a reason"
            if VALIDATION_FAILED in reason:
                reason = "; ".join(validation_errors(self.client, made["Id"])) or reason
            self.client.delete_change_set(ChangeSetName=made["Id"])
            if any(text in reason for text in NO_CHANGES):
                return plan
            raise self._refusal(reason)
        return replace(plan, change_set_id=made["Id"], changes=tuple(plans.read(self.client, made["Id"])))

    def _follow(
        self, start: Callable[[], object], on_event: OnEvent, wanted: tuple[str, ...]
    ) -> StackTypeDef:
        """Start an operation, follow it to its end, and return the stack, with a wanted status."""
        feed = EventFeed(self.client, self.name)
        if find_stack(self.client, self.name):
            feed.skip()
        events: list[ResourceEvent] = []

        def has_begun() -> bool:
            for event in feed.new():
                events.append(event)
                on_event(event)
            return feed.has_begun

        try:
            start()
        except ClientError as error:
            raise self._refusal(error.response["Error"]["Message"]) from error
        after = self._settled(has_begun)
        has_begun()
        if after["StackStatus"] not in wanted:
            cause = first_cause(events) or after.get("StackStatusReason", "")
            raise DeploymentError(
                f"Stack {self.name} is {after['StackStatus']}. {cause}", "Correct that, then try again."
            )
        return after

    def _settled(self, has_begun: Callable[[], bool] = lambda: True) -> StackTypeDef:
        """The stack once an operation has begun and nothing is in progress."""

        def look() -> StackTypeDef | None:
            begun, stack = has_begun(), find_stack(self.client, self.name)
            if stack is None:
                raise DeploymentError(f"Stack {self.name} was deleted meanwhile.", "Deploy it again.")
            return stack if begun and not stack["StackStatus"].endswith("_IN_PROGRESS") else None

        return self._wait(look)

    def _wait(self, look: Callable[[], T | None]) -> T:
        seen = wait_for(look, timeout_seconds=TIMEOUT_SECONDS, poll_seconds=self.poll_seconds)
        if not seen:
            raise DeploymentError(
                f"CloudFormation has worked on stack {self.name} for {TIMEOUT_SECONDS / 60:.0f} minutes.",
                "It goes on: look at the stack's events, and try again when it is done.",
            )
        return seen

    def _refusal(self, reason: str) -> DeploymentError:
        return DeploymentError(
            f"CloudFormation refused {self.name}: {reason}",
            "Correct the template or its parameters, then try again.",
        )

    def _set_policies(self, *statements: dict[str, Any]) -> None:
        for stack in with_nested(self.client, self.name):
            self.client.set_stack_policy(
                StackName=stack, StackPolicyBody=json.dumps({"Statement": statements})
            )
