"""Who may do what: one file holds all IAM, rights name what exists, and doors are shut by default."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.templates.model import ACCOUNT, CHILDREN, REGION, Resource, as_list, deploy, resources_of, template

STACKS = deploy("prod")
WITH_PUBLISHER = deploy("prod", PublisherPrincipalArns="arn:aws:iam::444455556666:role/shop")
ROOT_PRINCIPAL = f"arn:aws:iam::{ACCOUNT}:root"
RESOURCES = resources_of(STACKS)
CREATED = [resource.arn for resource in RESOURCES if resource.has_arn]
CREATED += [
    f"{table.arn}/index/{index['IndexName']}"
    for table in resources_of(STACKS, "AWS::DynamoDB::Table")
    for index in table.properties["GlobalSecondaryIndexes"]
]
IDENTITY = f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{STACKS['root'].parameters['FromIdentity']}"


def statements_of(resource: Resource) -> list[dict[str, Any]]:
    """Return the statements of whatever policies a resource carries."""
    properties = resource.properties
    documents = [properties[key] for key in ("PolicyDocument", "KeyPolicy") if key in properties]
    documents += [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    return [statement for document in documents for statement in document["Statement"]]


def identity_statements() -> list[tuple[str, dict[str, Any]]]:
    """Return what the roles may do, by role."""
    found = []
    for resource in RESOURCES:
        if resource.type == "AWS::IAM::Role":
            found += [(resource.logical_id, statement) for statement in statements_of(resource)]
        elif resource.type == "AWS::IAM::Policy":
            role = resource.properties["Roles"][0]
            found += [(role, statement) for statement in statements_of(resource)]
    return found


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("name", CHILDREN)
def test_only_security_has_iam_resources(name: str) -> None:
    types = {resource["Type"] for resource in template(name)["Resources"].values()}

    assert any(kind.startswith("AWS::IAM::") for kind in types) == (name == "security")


def test_iam_entity_has_no_name_that_could_collide_between_regions() -> None:
    for resource in resources_of(STACKS, "AWS::IAM::Role"):
        assert "RoleName" not in resource.properties
        assert resource.properties["Path"] == "/email-notifications-prod/"
    assert "BudgetName" not in str(resources_of(STACKS, "AWS::Budgets::Budget"))


def test_function_and_schedule_has_a_role_of_its_own_that_only_its_service_assumes() -> None:
    roles = {resource.arn: resource for resource in resources_of(STACKS, "AWS::IAM::Role")}
    users = [
        (function.properties["Role"], "lambda.amazonaws.com")
        for function in resources_of(STACKS, "AWS::Lambda::Function")
    ] + [
        (schedule.properties["Target"]["RoleArn"], "scheduler.amazonaws.com")
        for schedule in resources_of(STACKS, "AWS::Scheduler::Schedule")
    ]

    assert sorted(role for role, _ in users) == sorted(roles)
    for role, service in users:
        (statement,) = roles[role].properties["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": service}
        assert statement["Action"] == "sts:AssumeRole"
        assert "ManagedPolicyArns" not in roles[role].properties


def test_guard_is_invoked_by_the_alarm_on_reputation_and_by_nothing_else() -> None:
    (permission,) = resources_of(STACKS, "AWS::Lambda::Permission")
    guard = STACKS["sending"].resources["GuardReputationFunction"]
    alarms = resources_of(STACKS, "AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    invoking = [alarm for alarm in alarms if guard.arn in alarm.properties.get("AlarmActions", [])]

    assert [alarm.logical_id for alarm in invoking] == ["ReputationAtRiskAlarm"]
    assert permission.properties == {
        "Action": "lambda:InvokeFunction",
        "FunctionName": guard.name,
        "Principal": "lambda.alarms.cloudwatch.amazonaws.com",
        "SourceAccount": ACCOUNT,
        "SourceArn": invoking[0].arn,
    }


@pytest.mark.parametrize("choice", ["none", "warn"])
def test_nothing_holds_sending_where_the_guard_is_not_to(choice: str) -> None:
    stacks = deploy("prod", ReputationGuard=choice)
    alarm = stacks["observability"].resources["ReputationAtRiskAlarm"].properties

    assert "GuardReputationFunction" not in stacks["sending"].resources
    assert alarm["AlarmActions"] == [stacks["observability"].outputs["AlertsTopicArn"]]
    assert alarm["ActionsEnabled"] == (choice == "warn")


@pytest.mark.parametrize(
    "schedule", resources_of(STACKS, "AWS::Scheduler::Schedule"), ids=lambda schedule: schedule.logical_id
)
def test_schedules_role_trusts_the_group_of_this_deployment_and_may_start_its_target(
    schedule: Resource,
) -> None:
    roles = {resource.arn: resource for resource in resources_of(STACKS, "AWS::IAM::Role")}
    role = roles[schedule.properties["Target"]["RoleArn"]]
    groups = {group.name: group for group in resources_of(STACKS, "AWS::Scheduler::ScheduleGroup")}
    group = groups[schedule.properties["GroupName"]]

    assert role.properties["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": group.arn}
    }
    assert [s["Resource"] for s in statements_of(role)] == [schedule.properties["Target"]["Arn"]]


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.logical_id)
def test_arn_in_a_policy_names_something_that_a_stack_creates(resource: Resource) -> None:
    budgets = f"arn:aws:budgets::{ACCOUNT}:*"
    for statement in statements_of(resource):
        for arn in strings(statement):
            if not arn.startswith("arn:") or arn in (ROOT_PRINCIPAL, IDENTITY):
                continue
            assert arn in CREATED or arn.removesuffix(":*") in CREATED or is_pattern_of_created(arn), arn
            assert "*" not in arn.removesuffix("-*").removesuffix(":*") or arn == budgets


def is_pattern_of_created(arn: str) -> bool:
    return arn.endswith("*") and any(fnmatchcase(created, arn) for created in CREATED)


def test_queue_named_by_its_dead_letter_queue_is_the_one_that_uses_it() -> None:
    queues = {queue.arn: queue for queue in resources_of(STACKS, "AWS::SQS::Queue")}
    allowed = {
        (source, queue.arn)
        for queue in queues.values()
        for source in queue.properties.get("RedriveAllowPolicy", {}).get("sourceQueueArns", [])
    }
    used = {
        (queue.arn, queue.properties["RedrivePolicy"]["deadLetterTargetArn"])
        for queue in queues.values()
        if "RedrivePolicy" in queue.properties
    }

    assert allowed == used


@pytest.mark.parametrize(("role", "statement"), identity_statements())
def test_right_of_a_role_is_on_named_resources_of_the_actions_own_service(
    role: str, statement: dict[str, Any]
) -> None:
    actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])

    assert statement["Effect"] == "Allow"
    assert not any("*" in action for action in actions), role
    if resources == ["*"]:
        assert actions == ["ses:GetAccount"]
        return
    for action in actions:
        for resource in resources:
            assert resource.split(":")[2] == action.split(":")[0]


def test_roles_may_do_what_the_functions_do_and_no_more() -> None:
    rights: dict[str, set[tuple[str, str]]] = {}
    for role, statement in identity_statements():
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                rights.setdefault(role, set()).add((action, resource.rsplit(":", 1)[-1].rsplit("/", 1)[-1]))
    prefix = "email-notifications-prod"
    consume = ("ChangeMessageVisibility", "DeleteMessage", "GetQueueAttributes", "ReceiveMessage")

    assert rights["SendEmailRole"] == {
        *((f"sqs:{action}", f"{prefix}-send") for action in consume),
        ("sqs:SendMessage", f"{prefix}-send-dead-letter"),
        ("sqs:GetQueueAttributes", f"{prefix}-feedback"),
        ("sqs:GetQueueAttributes", f"{prefix}-feedback-dead-letter"),
        ("sqs:GetQueueAttributes", f"{prefix}-feedback-undelivered"),
        ("dynamodb:GetItem", f"{prefix}-ledger"),
        ("dynamodb:UpdateItem", f"{prefix}-ledger"),
        ("dynamodb:Query", "open-attempts"),
        ("ses:SendEmail", "example.com"),
        ("ses:SendEmail", prefix),
        ("ses:GetAccount", "*"),
        ("logs:CreateLogStream", "*"),
        ("logs:PutLogEvents", "*"),
        ("kms:Decrypt", "Key"),
        ("kms:GenerateDataKey", "Key"),
    }
    assert rights["TrackDeliveryRole"] == {
        *((f"sqs:{action}", f"{prefix}-feedback") for action in consume),
        ("sqs:SendMessage", f"{prefix}-feedback-dead-letter"),
        ("dynamodb:PutItem", f"{prefix}-ledger"),
        ("dynamodb:UpdateItem", f"{prefix}-ledger"),
        ("logs:CreateLogStream", "*"),
        ("logs:PutLogEvents", "*"),
        ("kms:Decrypt", "Key"),
        ("kms:GenerateDataKey", "Key"),
    }
    assert rights["CheckLedgerRole"] == {
        ("dynamodb:Scan", f"{prefix}-ledger"),
        ("logs:CreateLogStream", "*"),
        ("logs:PutLogEvents", "*"),
        ("kms:Decrypt", "Key"),
    }
    assert rights["GuardReputationRole"] == {
        ("lambda:UpdateEventSourceMapping", "*"),
        ("dynamodb:PutItem", f"{prefix}-ledger"),
        ("logs:CreateLogStream", "*"),
        ("logs:PutLogEvents", "*"),
        ("kms:Decrypt", "Key"),
    }
    assert rights["ProbeScheduleRole"] == {
        ("sns:Publish", f"{prefix}-order-events"),
        ("kms:Decrypt", "Key"),
        ("kms:GenerateDataKey", "Key"),
    }
    assert rights["CheckLedgerScheduleRole"] == {("lambda:InvokeFunction", f"{prefix}-check-ledger")}


def test_function_writes_to_its_own_log_group_only() -> None:
    groups = {
        role: statement["Resource"].rsplit(":", 2)[1]
        for role, statement in identity_statements()
        if "logs:PutLogEvents" in statement["Action"]
    }

    assert groups == {
        "SendEmailRole": "/aws/lambda/email-notifications-prod-send-email",
        "TrackDeliveryRole": "/aws/lambda/email-notifications-prod-track-delivery",
        "CheckLedgerRole": "/aws/lambda/email-notifications-prod-check-ledger",
        "GuardReputationRole": "/aws/lambda/email-notifications-prod-guard-reputation",
    }


def test_email_can_only_be_sent_from_the_one_address() -> None:
    (statement,) = (s for _, s in identity_statements() if "ses:SendEmail" in as_list(s["Action"]))

    assert statement["Condition"] == {"StringEquals": {"ses:FromAddress": "orders@example.com"}}
    assert IDENTITY in statement["Resource"]


@pytest.mark.parametrize("statement", [s for _, s in identity_statements() if "kms" in str(s["Action"])])
def test_function_uses_the_key_only_through_a_service(statement: dict[str, Any]) -> None:
    assert statement["Condition"]["StringEquals"]["kms:ViaService"]


# --- The key


def key_statements(stacks: dict[str, Any] = STACKS) -> dict[str, dict[str, Any]]:
    (key,) = resources_of(stacks, "AWS::KMS::Key")
    return {statement["Sid"]: statement for statement in key.properties["KeyPolicy"]["Statement"]}


def test_key_rotates_and_takes_its_time_to_be_deleted() -> None:
    (key,) = resources_of(STACKS, "AWS::KMS::Key")

    assert key.properties["EnableKeyRotation"] is True
    assert key.properties["PendingWindowInDays"] == 30


def test_key_names_who_may_use_it() -> None:
    principals = {
        principal
        for statement in key_statements().values()
        for kind in ("AWS", "Service")
        for principal in as_list(statement["Principal"].get(kind, []))
    }

    assert principals == {
        ROOT_PRINCIPAL,
        f"arn:aws:iam::{ACCOUNT}:role/email-notifications-prod/SendEmailRole",
        f"arn:aws:iam::{ACCOUNT}:role/email-notifications-prod/TrackDeliveryRole",
        f"arn:aws:iam::{ACCOUNT}:role/email-notifications-prod/CheckLedgerRole",
        "ses.amazonaws.com",
        "sns.amazonaws.com",
        "cloudwatch.amazonaws.com",
        "budgets.amazonaws.com",
        f"logs.{REGION}.amazonaws.com",
    }


def test_key_is_managed_without_being_used_and_used_by_the_account_only_through_services() -> None:
    for statement in key_statements().values():
        if ROOT_PRINCIPAL in as_list(statement["Principal"].get("AWS", [])):
            uses = {"kms:Decrypt", "kms:Encrypt", "kms:CreateGrant", "kms:*"} & set(
                as_list(statement["Action"])
            )
            assert not uses or statement["Condition"]["StringEquals"]["kms:ViaService"], statement["Sid"]


def test_service_uses_the_key_for_this_service_only_where_it_says_for_whom() -> None:
    without_condition = {sid for sid, statement in key_statements().items() if "Condition" not in statement}

    assert without_condition == {"AccountManagesKey", "SesEncryptsFeedback"}


def test_publisher_of_another_account_may_use_topic_and_key_when_it_is_listed() -> None:
    (topic_policy,) = (
        resource
        for resource in resources_of(WITH_PUBLISHER)
        if resource.logical_id == "OrderEventsTopicPolicy"
    )
    publishers = statements_of(topic_policy)[0]

    assert publishers["Principal"] == {"AWS": ["arn:aws:iam::444455556666:role/shop"]}
    assert (
        key_statements(WITH_PUBLISHER)["PublishersEncryptOrderEvents"]["Principal"] == publishers["Principal"]
    )


def test_only_this_account_publishes_when_no_publisher_is_listed() -> None:
    (topic_policy,) = (resource for resource in RESOURCES if resource.logical_id == "OrderEventsTopicPolicy")

    assert statements_of(topic_policy)[0]["Principal"] == {"AWS": ROOT_PRINCIPAL}
    assert "PublishersEncryptOrderEvents" not in key_statements()


# --- Topics and queues

ENDPOINTS = resources_of(STACKS, "AWS::SNS::Topic", "AWS::SQS::Queue")


def policy_of(endpoint: Resource) -> list[dict[str, Any]]:
    (policy,) = (
        resource
        for resource in resources_of(STACKS, "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
        if endpoint.ref() in resource.properties.get("Topics", []) + resource.properties.get("Queues", [])
    )
    return statements_of(policy)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.logical_id)
def test_topic_or_queue_refuses_whoever_does_not_use_tls(endpoint: Resource) -> None:
    (denied,) = (statement for statement in policy_of(endpoint) if statement["Effect"] == "Deny")

    assert denied == {
        "Sid": "DenyUnencryptedTransport",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "sns:Publish" if endpoint.type == "AWS::SNS::Topic" else "sqs:*",
        "Resource": endpoint.arn,
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda endpoint: endpoint.logical_id)
def test_topic_or_queue_lets_services_in_only_on_behalf_of_this_deployment(endpoint: Resource) -> None:
    for statement in policy_of(endpoint):
        if statement["Effect"] == "Allow":
            assert statement["Resource"] == endpoint.arn
            assert statement["Action"] in ("sns:Publish", "sqs:SendMessage")
        if "Service" in statement["Principal"]:
            assert "aws:SourceArn" in {key for test in statement["Condition"].values() for key in test}


@pytest.mark.parametrize(
    "subscription",
    [s for s in resources_of(STACKS, "AWS::SNS::Subscription") if s.properties["Protocol"] == "sqs"],
    ids=lambda subscription: subscription.logical_id,
)
def test_subscription_delivers_everything_as_it_is_and_keeps_what_it_cannot_deliver(
    subscription: Resource,
) -> None:
    queues = {queue.arn: queue for queue in ENDPOINTS if queue.type == "AWS::SQS::Queue"}
    properties = subscription.properties

    assert properties["RawMessageDelivery"] is True
    assert "FilterPolicy" not in properties
    for arn in (properties["Endpoint"], properties["RedrivePolicy"]["deadLetterTargetArn"]):
        sources = [s for s in policy_of(queues[arn]) if s["Principal"] == {"Service": "sns.amazonaws.com"}]
        assert [s["Condition"] for s in sources] == [{"ArnEquals": {"aws:SourceArn": properties["TopicArn"]}}]
