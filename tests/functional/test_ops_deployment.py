"""A stack is brought into the wanted state, followed into its nested stacks, and a failure explained."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ops.aws import Aws
from ops.deploying import artifacts, environments, stacks
from ops.deploying.environments import Environment, Settings, Target
from ops.deploying.plans import Change, Plan
from ops.deploying.stack_events import ResourceEvent
from ops.deploying.stacks import Executed, Stack
from ops.errors import DeploymentError, InputError
from ops.tree import PARAMETERS, PROJECT

START = datetime(2026, 11, 24, tzinfo=UTC)
QUEUE = "AWS::SQS::Queue"
STACK = "AWS::CloudFormation::Stack"
TEMPLATE = {"TemplateURL": "https://s3.us-east-1.amazonaws.com/bucket/releases/1/stacks/root.yaml"}
SETTINGS = Settings({"Environment": "local"}, {"Service": "email-notifications"})


class FakeCloudFormation:
    """CloudFormation that does what a script says: each step happens at one look at the root stack.

    Parameters
    ----------
    nested
        Changes in a nested stack; None when it refuses to look into nested stacks.
    """

    def __init__(self, *, nested: list[dict[str, Any]] | None = None) -> None:
        self.changes: list[dict[str, Any]] = [change("Modify", "DataStack", STACK, ChangeSetId="nested")]
        self.nested = nested
        self.reason = ""
        self.validation: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.policies: list[str] = []
        self.protected: dict[str, bool] = {}
        self.stacks: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.script: list[Callable[[], None]] = []
        self.requests: list[dict[str, Any]] = []
        self._count = 0

    # what the script does

    def status(self, stack: str, status: str, **outputs: str) -> None:
        old = self.stacks.get(stack, {"CreationTime": START})
        self.stacks[stack] = old | {
            "StackName": stack,
            "StackId": f"id-of-{stack}",
            "StackStatus": status,
            "Outputs": [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()],
        }

    def event(self, stack: str, logical_id: str, status: str, reason: str = "", of: str = QUEUE) -> None:
        self._count += 1
        physical_id = f"id-of-{stack}-{logical_id}-x1" if of == STACK else ""
        self.events.setdefault(stack, []).insert(
            0,
            {
                "EventId": str(self._count),
                "StackId": f"id-of-{stack}",
                "StackName": stack,
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": f"id-of-{stack}" if of == "own" else physical_id,
                "ResourceType": STACK if of == "own" else of,
                "ResourceStatus": status,
                "ResourceStatusReason": reason,
                "Timestamp": START + timedelta(milliseconds=self._count // 3),
            },
        )

    # what the client offers

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if self.requests and self.script:
            self.script.pop(0)()
        if StackName not in self.stacks:
            raise refused(f"Stack with id {StackName} does not exist")
        return {"Stacks": [self.stacks[StackName]]}

    def create_change_set(self, **request: Any) -> dict[str, Any]:
        if request.get("IncludeNestedStacks") and self.nested is None:
            raise refused("Nested stacks: no")
        self.change_set = request
        if request["ChangeSetType"] == "CREATE":
            self.status(request["StackName"], "REVIEW_IN_PROGRESS")
        return {"Id": "change-set"}

    def describe_change_set(self, ChangeSetName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        changes = self.nested or [] if ChangeSetName == "nested" else self.changes
        status = "FAILED" if self.reason or not changes else "CREATE_COMPLETE"
        return {
            "ChangeSetId": ChangeSetName,
            "Status": status,
            "StatusReason": self.reason,
            "Changes": [{"ResourceChange": one} for one in changes],
        }

    def describe_events(self, ChangeSetName: str) -> dict[str, Any]:  # noqa: N803
        assert ChangeSetName not in self.deleted
        return {"OperationEvents": self.validation}

    def delete_change_set(self, ChangeSetName: str) -> None:  # noqa: N803
        self.deleted.append(ChangeSetName)

    def delete_stack(self, StackName: str) -> None:  # noqa: N803
        del self.stacks[StackName]

    def execute_change_set(self, StackName: str, ChangeSetName: str) -> None:  # noqa: N803
        assert ChangeSetName == "change-set"
        self.requests.append({k: v for k, v in self.change_set.items() if k != "ChangeSetName"})
        name, kind = self.change_set["StackName"], self.change_set["ChangeSetType"]
        self.status(name, f"{kind}_IN_PROGRESS")
        self.event(name, name, f"{kind}_IN_PROGRESS", of="own")

    def update_termination_protection(self, StackName: str, EnableTerminationProtection: bool) -> None:  # noqa: N803
        self.protected[StackName] = EnableTerminationProtection

    def set_stack_policy(self, StackName: str, StackPolicyBody: str) -> None:  # noqa: N803
        self.policies.append(StackPolicyBody)

    def get_paginator(self, operation: str) -> Any:
        return _Pages(self, operation)


class _Pages:
    def __init__(self, fake: FakeCloudFormation, operation: str) -> None:
        self._fake = fake
        self._operation = operation

    def paginate(self, StackName: str = "", **request: Any) -> Iterator[dict[str, Any]]:  # noqa: N803
        if self._operation == "describe_change_set":
            yield self._fake.describe_change_set(**request)
            return
        if self._operation == "list_stack_resources":
            yield {"StackResourceSummaries": []}
            return
        for event in self._fake.events.get(StackName.removeprefix("id-of-"), []):
            yield {"StackEvents": [event]}


def change(action: str, logical_id: str, resource_type: str = QUEUE, **more: Any) -> dict[str, Any]:
    return {"Action": action, "LogicalResourceId": logical_id, "ResourceType": resource_type} | more


def refused(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "CreateStack")


def root(fake: FakeCloudFormation) -> Stack:
    return Stack(fake, "root", poll_seconds=0)  # type: ignore[arg-type]


def prepare(fake: FakeCloudFormation, **parameters: str) -> Plan:
    return root(fake).prepare(TEMPLATE, Settings(SETTINGS.parameters | parameters, SETTINGS.tags))


def deploy(fake: FakeCloudFormation) -> tuple[Executed, list[ResourceEvent]]:
    events: list[ResourceEvent] = []
    return root(fake).execute(prepare(fake), events.append), events


def test_stack_is_created_with_template_parameters_tags_and_capability_when_there_is_none() -> None:
    fake = FakeCloudFormation()
    fake.script = [lambda: None, lambda: fake.status("root", "CREATE_COMPLETE", TopicArn="arn")]
    done, _ = deploy(fake)
    assert done == Executed("created", {"TopicArn": "arn"})
    assert fake.requests == [
        {
            "ChangeSetType": "CREATE",
            "StackName": "root",
            **TEMPLATE,
            "Parameters": [{"ParameterKey": "Environment", "ParameterValue": "local"}],
            "Tags": [{"Key": "Service", "Value": "email-notifications"}],
            "Capabilities": ["CAPABILITY_IAM"],
        }
    ]


def test_stack_is_updated_when_it_is_there_and_only_new_events_are_told() -> None:
    fake = FakeCloudFormation()
    fake.status("root", "CREATE_COMPLETE")
    fake.event("root", "Old", "CREATE_COMPLETE")
    fake.script = [
        lambda: fake.event("root", "New", "UPDATE_COMPLETE"),
        lambda: fake.status("root", "UPDATE_COMPLETE", TopicArn="arn"),
    ]
    done, events = deploy(fake)
    assert done == Executed("updated", {"TopicArn": "arn"})
    assert [event.logical_id for event in events] == ["New"]


def test_no_change_is_a_success() -> None:
    fake = FakeCloudFormation(nested=[])
    fake.status("root", "UPDATE_COMPLETE", TopicArn="arn")
    fake.reason = "The submitted information didn't contain changes. Submit different information."
    assert deploy(fake) == (Executed("unchanged", {"TopicArn": "arn"}), [])
    assert fake.deleted == ["change-set"]


def test_deployment_waits_when_another_one_is_in_progress() -> None:
    fake = FakeCloudFormation()
    fake.status("root", "UPDATE_IN_PROGRESS")
    looks = iter(["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"])
    describe = fake.describe_stacks

    def describe_the_other(StackName: str) -> dict[str, Any]:  # noqa: N803
        if not fake.requests:
            fake.status("root", next(looks, "UPDATE_COMPLETE"))
        return describe(StackName)

    fake.describe_stacks = describe_the_other  # type: ignore[method-assign]
    fake.script = [lambda: fake.status("root", "UPDATE_COMPLETE")]
    done, _ = deploy(fake)
    assert done.outcome == "updated"


def bucket(fake: FakeCloudFormation) -> str:
    clients = Aws("us-east-1", boto3.Session(), {})
    clients.__dict__["cloudformation"] = fake
    return artifacts.bucket(Target(Environment("local"), clients))


def test_artifact_bucket_is_made_in_a_stack_that_is_protected_from_deletion() -> None:
    fake, name = FakeCloudFormation(), "email-notifications-artifacts"
    fake.script = [lambda: fake.status(name, "CREATE_COMPLETE", ArtifactBucket="made")]
    assert bucket(fake) == "made"
    assert fake.protected == {name: True}


def test_artifact_bucket_is_used_as_it_is_when_only_a_comment_of_its_template_has_changed() -> None:
    fake = FakeCloudFormation(nested=[])
    fake.status("email-notifications-artifacts", "CREATE_COMPLETE", ArtifactBucket="there")
    fake.reason = "The submitted information didn't contain changes. Submit different information."
    assert bucket(fake) == "there"


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "UPDATE_ROLLBACK_FAILED"])
def test_deployment_is_refused_when_cloudformation_would_not_update_the_stack(status: str) -> None:
    fake = FakeCloudFormation()
    fake.status("root", status)
    with pytest.raises(DeploymentError, match=status):
        deploy(fake)
    assert fake.requests == []


def test_deployment_ends_with_an_error_when_cloudformation_does_not_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stacks, "TIMEOUT_SECONDS", 0.0)
    fake = FakeCloudFormation()
    fake.status("root", "UPDATE_IN_PROGRESS")
    with pytest.raises(DeploymentError, match="root for 0 minutes"):
        deploy(fake)


def test_request_that_cloudformation_refuses_is_explained_in_its_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeCloudFormation()

    def refuse(**_: Any) -> None:
        raise refused("Parameters: [FromAddress] must have values")

    monkeypatch.setattr(fake, "create_change_set", refuse)
    with pytest.raises(DeploymentError, match=r"\[FromAddress\] must have values"):
        deploy(fake)


def test_change_set_that_fails_is_explained_in_its_words_and_deleted() -> None:
    fake = FakeCloudFormation()
    fake.reason = "Template error: no"
    with pytest.raises(DeploymentError, match="Template error: no"):
        deploy(fake)
    assert fake.deleted == ["change-set"]


def test_plan_tells_the_changes_within_nested_stacks_and_of_parameters() -> None:
    target = {"Target": {"Attribute": "Properties", "Name": "Delay"}}
    shown = {"Target": {"Name": "Age", "BeforeValue": "1", "AfterValue": "2"}}
    fake = FakeCloudFormation(
        nested=[
            change("Add", "New"),
            change("Modify", "Queue", Replacement="False", Details=[target, target, shown]),
            change("Remove", "Topic", "AWS::SNS::Topic"),
        ]
    )
    fake.status("root", "CREATE_COMPLETE")
    fake.stacks["root"]["Parameters"] = [{"ParameterKey": "Environment", "ParameterValue": "dev"}]
    plan = prepare(fake, Added="1")
    assert plan.parameters == {"Environment": ("dev", "local"), "Added": (None, "1")}
    assert plan.changes == (
        Change("add", "DataStack", "New", QUEUE),
        Change("change", "DataStack", "Queue", QUEUE, ("Delay", "Age: 1 → 2")),
        Change("remove", "DataStack", "Topic", "AWS::SNS::Topic"),
    )
    assert plan.endangered == []


def test_plan_tells_that_nested_stacks_are_unseen_when_cloudformation_does_not_look_into_them() -> None:
    fake = FakeCloudFormation()
    fake.status("root", "CREATE_COMPLETE")
    fake.changes = [change("Modify", "DataStack", STACK)]
    plan = prepare(fake)
    assert plan.changes == (Change("change", "", "DataStack", STACK),)
    assert "Nested stacks: no" in plan.unseen


@pytest.mark.parametrize(
    ("resource", "endangers"),
    [
        (change("Remove", "Queue"), True),
        (change("Modify", "Queue", Replacement="True"), True),
        (change("Modify", "Queue", Replacement="Conditional"), True),
        (change("Modify", "Queue", Replacement="False"), False),
        (change("Add", "Queue"), False),
        (change("Remove", "DataStack", STACK), True),
        (change("Remove", "Alarm", "AWS::CloudWatch::Alarm"), False),
    ],
)
def test_protection_is_lifted_only_when_data_is_endangered(resource: dict[str, Any], endangers: bool) -> None:
    fake = FakeCloudFormation(nested=[])
    fake.status("root", "CREATE_COMPLETE")
    fake.changes = [resource]
    plan = prepare(fake)
    assert bool(plan.endangered) is endangers
    fake.script = [lambda: fake.status("root", "UPDATE_COMPLETE")]
    root(fake).execute(plan, lambda _: None)
    assert len(fake.policies) == endangers


def test_nothing_remains_of_a_plan_for_a_new_stack_when_it_is_discarded() -> None:
    fake = FakeCloudFormation()
    plan = prepare(fake)
    root(fake).discard(plan)
    assert fake.deleted == ["change-set"]
    assert fake.stacks == {}


def test_execution_is_followed_also_when_its_beginning_is_late_to_see() -> None:
    """Just after the request a stack may still show the status of the operation before."""
    fake = FakeCloudFormation(nested=[])
    fake.status("root", "UPDATE_COMPLETE", TopicArn="old")
    plan = prepare(fake)

    def accept(StackName: str, ChangeSetName: str) -> None:  # noqa: N803
        fake.requests.append({"ChangeSetName": ChangeSetName})

    def begin() -> None:
        fake.status("root", "UPDATE_IN_PROGRESS")
        fake.event("root", "root", "UPDATE_IN_PROGRESS", of="own")

    fake.execute_change_set = accept  # type: ignore[method-assign]
    fake.script = [lambda: None, begin, lambda: fake.status("root", "UPDATE_COMPLETE", TopicArn="new")]
    done = root(fake).execute(plan, lambda _: None)
    assert done == Executed("updated", {"TopicArn": "new"})


def test_events_of_nested_stacks_are_told_with_their_place_before_the_nested_stack_is_complete() -> None:
    fake = FakeCloudFormation()
    child = "root-MessagingStack-x1"

    def begin() -> None:
        fake.status(child, "CREATE_IN_PROGRESS")
        fake.event("root", "MessagingStack", "CREATE_IN_PROGRESS", of=STACK)
        fake.event(child, "SendQueue", "CREATE_IN_PROGRESS")

    def end() -> None:
        fake.event(child, "SendQueue", "CREATE_COMPLETE")
        fake.event("root", "MessagingStack", "CREATE_COMPLETE", of=STACK)
        fake.status("root", "CREATE_COMPLETE")

    fake.script = [begin, end]
    _, events = deploy(fake)
    told = [(event.stack, event.logical_id, event.status) for event in events]
    assert sorted(told) == sorted(set(told)), "each event once"
    assert ("MessagingStack", "SendQueue", "CREATE_IN_PROGRESS") in told
    assert told[-2:] == [
        ("MessagingStack", "SendQueue", "CREATE_COMPLETE"),
        ("", "MessagingStack", "CREATE_COMPLETE"),
    ]


def test_failure_names_the_resource_in_the_nested_stack_that_failed_first() -> None:
    fake = FakeCloudFormation()
    child = "root-SendingStack-x1"

    def fail() -> None:
        fake.status(child, "CREATE_FAILED")
        fake.event("root", "SendingStack", "CREATE_IN_PROGRESS", of=STACK)
        fake.event(child, "First", "CREATE_FAILED", "Resource creation cancelled")
        fake.event(
            child,
            "SendEmailFunction",
            "CREATE_FAILED",
            "The role cannot be assumed",
            of="AWS::Lambda::Function",
        )
        fake.event(child, "Second", "CREATE_FAILED", "Resource creation cancelled")
        fake.event(
            "root", "SendingStack", "CREATE_FAILED", "Embedded stack was not successfully created", of=STACK
        )
        fake.status("root", "ROLLBACK_COMPLETE")

    fake.script = [lambda: None, fail]
    with pytest.raises(DeploymentError) as failure:
        deploy(fake)
    assert failure.value.what == (
        "Stack root is ROLLBACK_COMPLETE. "
        "SendingStack/SendEmailFunction (AWS::Lambda::Function): The role cannot be assumed"
    )


def test_failure_names_the_nested_stack_when_nothing_in_it_failed() -> None:
    fake = FakeCloudFormation()

    def fail() -> None:
        fake.event("root", "DataStack", "CREATE_FAILED", "Template not found", of=STACK)
        fake.status("root", "ROLLBACK_COMPLETE")

    fake.script = [fail]
    with pytest.raises(DeploymentError, match=r"DataStack .*: Template not found"):
        deploy(fake)


def test_settings_are_the_parameters_and_tags_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "local.yaml"
    path.write_text('# comment\nParameters:\n  RetentionDays: "30"\nTags:\n  Service: "emails"\n')
    assert environments.load_settings(path) == Settings({"RetentionDays": "30"}, {"Service": "emails"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Parameters:\n  Days: 007\n", "Parameters.Days is 7"),
        ("Parameters:\n  Create: true\n", "Parameters.Create is True"),
        ("Tags:\n  Owner:\n", "Tags.Owner is None"),
        ("Environment: local\n", "not a parameter file"),
        ("", "not a parameter file"),
    ],
)
def test_settings_are_refused_when_a_value_would_not_arrive_as_written(
    tmp_path: Path, content: str, said: str
) -> None:
    path = tmp_path / "local.yaml"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        environments.load_settings(path)


@pytest.mark.parametrize("path", sorted(PARAMETERS.glob("*.yaml")), ids=lambda path: path.stem)
def test_parameter_file_names_only_what_templates_declare(path: Path) -> None:
    environments.check_names(path, environments.load_settings(path).parameters)


def test_name_that_no_template_declares_is_refused_with_the_one_it_may_stand_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = (PARAMETERS / "dev.yaml").read_text()
    (tmp_path / "dev.yaml").write_text(right.replace("ReputationGuard", "RepuationGuard"))
    monkeypatch.setattr(environments, "PARAMETERS", tmp_path)

    with pytest.raises(InputError, match=r"/dev\.yaml: no template has a parameter 'RepuationGuard'") as told:
        environments.get("dev")

    assert "ReputationGuard" in told.value.next_step


@pytest.mark.parametrize("path", sorted((PROJECT / "ops").rglob("*.py")), ids=lambda path: path.name)
def test_stacks_change_in_one_way_only_which_copes_with_no_change(path: Path) -> None:
    """UpdateStack fails when nothing changes."""
    assert not re.search(r"\.(create|update)_stack\(", path.read_text())


def test_change_set_that_fails_validation_is_explained_by_its_errors() -> None:
    fake = FakeCloudFormation()
    fake.reason = "The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]."
    fake.validation = [
        {
            "EventType": "VALIDATION_ERROR",
            "LogicalResourceId": "SendQueue",
            "ResourceType": QUEUE,
            "ValidationPath": "/Resources/SendQueue/Properties",
            "ValidationStatusReason": "extraneous key [Delay] is not permitted",
        }
    ]
    with pytest.raises(
        DeploymentError, match=r"/Resources/SendQueue/Properties: extraneous key \[Delay\] is not permitted"
    ):
        deploy(fake)
    assert fake.deleted == ["change-set"]
