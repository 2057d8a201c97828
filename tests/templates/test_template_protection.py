"""What must not be lost, read or changed by accident, is protected."""

from importlib.resources import files
from json import loads

import pytest

from notifications.ledger_table import OPEN_ATTEMPTS
from tests.templates.model import (
    CHILDREN,
    ENVIRONMENTS,
    Resource,
    configuration,
    deploy,
    resources_of,
    template,
)

STACKS = deploy("prod")
STATEFUL = {
    kind
    for kind, facts in loads((files("cfnlint.data.AdditionalSpecs") / "StatefulResources.json").read_text())[
        "ResourceTypes"
    ].items()
    if not facts.get("DeleteRequiresEmptyResource")
} - {"AWS::CloudFormation::Stack"}
ENCRYPTED = {
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
    "AWS::Lambda::Function": "KmsKeyArn",
}


def test_stateful_types_are_those_that_hold_this_services_data() -> None:
    assert {resource.type for resource in resources_of(STACKS)} & STATEFUL == {
        "AWS::DynamoDB::Table",
        "AWS::KMS::Key",
        "AWS::Logs::LogGroup",
        "AWS::SecretsManager::Secret",
        "AWS::SQS::Queue",
    }


@pytest.mark.parametrize(
    "resource", resources_of(STACKS, *STATEFUL), ids=lambda resource: resource.logical_id
)
def test_stateful_resource_stays_when_its_stack_goes(resource: Resource) -> None:
    assert resource.definition["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource.definition["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize(
    "resource",
    resources_of(STACKS, *ENCRYPTED),
    ids=lambda resource: f"{resource.type}-{resource.logical_id}",
)
def test_customer_data_is_encrypted_by_the_services_key(resource: Resource) -> None:
    assert resource.properties[ENCRYPTED[resource.type]] == STACKS["security"].outputs["KeyArn"]


def test_ledger_is_encrypted_recoverable_and_forgets_in_time() -> None:
    (table,) = resources_of(STACKS, "AWS::DynamoDB::Table")

    assert table.properties["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": STACKS["security"].outputs["KeyArn"],
    }
    assert table.properties["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True,
        "RecoveryPeriodInDays": 35,
    }
    assert table.properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table.properties["BillingMode"] == "PAY_PER_REQUEST"


def test_ledger_is_keyed_by_order_and_its_indexes_hold_nothing_of_a_customer() -> None:
    (table,) = resources_of(STACKS, "AWS::DynamoDB::Table")
    recipients, attempts = table.properties["GlobalSecondaryIndexes"]

    assert [key["AttributeName"] for key in table.properties["KeySchema"]] == ["order_key", "notification"]
    assert recipients["IndexName"] == "by_recipient"
    assert recipients["KeySchema"] == [{"AttributeName": "recipient_key", "KeyType": "HASH"}]
    assert recipients["Projection"] == {"ProjectionType": "KEYS_ONLY"}
    assert attempts["IndexName"] == OPEN_ATTEMPTS
    assert attempts["KeySchema"] == [
        {"AttributeName": "open_shard", "KeyType": "HASH"},
        {"AttributeName": "claimed_at_ms", "KeyType": "RANGE"},
    ]
    assert set(attempts["Projection"]["NonKeyAttributes"]) == {
        *("status", "attempt", "send_by_ms", "answer", "decision")
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("production", ["true", "false"])
def test_ledger_of_production_cannot_be_deleted_whatever_its_name(environment: str, production: str) -> None:
    (table,) = resources_of(deploy(environment, Production=production), "AWS::DynamoDB::Table")

    assert table.properties["DeletionProtectionEnabled"] == (production == "true")


def test_staging_and_prod_are_production() -> None:
    production = {name for name in ENVIRONMENTS if configuration(name)["Parameters"]["Production"] == "true"}

    assert production == {"staging", "prod"}


@pytest.mark.parametrize("name", ["root", *CHILDREN])
def test_no_condition_or_rule_asks_for_an_environments_name(name: str) -> None:
    asked = str([template(name).get(section) for section in ("Conditions", "Rules")])

    assert "{'Ref': 'Environment'}" not in asked


def test_recipient_hash_key_is_made_by_aws_and_reaches_the_function_by_reference() -> None:
    (secret,) = resources_of(STACKS, "AWS::SecretsManager::Secret")
    assert secret.name.startswith("email-notifications-prod-")
    environment = STACKS["sending"].resources["SendEmailFunction"].properties["Environment"]["Variables"]

    assert secret.properties["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 64}
    assert "SecretString" not in secret.properties
    assert environment["RECIPIENT_HASH_KEY"] == f"{{{{resolve:secretsmanager:{secret.arn}:SecretString}}}}"


@pytest.mark.parametrize("name", CHILDREN)
def test_nothing_is_in_a_vpc(name: str) -> None:
    text = str(template(name))

    assert "Vpc" not in text
    assert "AWS::EC2::" not in text


def test_ses_is_used_without_creating_an_identity_or_changing_an_account_wide_setting() -> None:
    types = {resource.type for resource in resources_of(STACKS) if resource.type.startswith("AWS::SES::")}

    assert types == {"AWS::SES::ConfigurationSet", "AWS::SES::ConfigurationSetEventDestination"}


def test_configuration_set_sends_with_tls_and_suppresses_bad_recipients() -> None:
    properties = STACKS["sending"].resources["ConfigurationSet"].properties

    assert properties["DeliveryOptions"] == {"TlsPolicy": "REQUIRE"}
    assert properties["ReputationOptions"] == {"ReputationMetricsEnabled": True}
    assert properties["SendingOptions"] == {"SendingEnabled": True}
    assert properties["SuppressionOptions"] == {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]}


def test_every_outcome_that_ses_knows_of_comes_back_as_feedback() -> None:
    destination = STACKS["sending"].resources["FeedbackDestination"].properties["EventDestination"]

    assert destination["Enabled"] is True
    assert destination["SnsDestination"] == {"TopicARN": STACKS["messaging"].outputs["FeedbackTopicArn"]}
    assert set(destination["MatchingEventTypes"]) == {
        "send", "delivery", "bounce", "complaint", "reject", "deliveryDelay", "renderingFailure",
    }  # fmt: skip


def test_no_email_goes_out_before_its_feedback_can_come_back() -> None:
    assert template("sending")["Resources"]["SendEmailMapping"]["DependsOn"] == "FeedbackDestination"
