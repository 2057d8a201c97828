"""What `notify preflight` asks AWS, and what it makes of refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws
from typer.testing import CliRunner

from ops import aws as clients
from ops import cli
from ops.aws import Aws
from ops.deploying import environments
from ops.deploying.environments import Environment
from ops.preflight import facts, rights
from ops.preflight.facts import Look, see
from ops.preflight.findings import Unseen

REGION = "us-east-1"
ACCOUNT = "123456789012"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
NAMES = {
    "account": ACCOUNT,
    "region": REGION,
    "service": "email-notifications",
    "name": "email-notifications-dev",
}


class Stacks:
    """CloudFormation with outputs by stack's name."""

    def __init__(self) -> None:
        self.outputs: dict[str, dict[str, str]] = {}

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803
        if StackName not in self.outputs:
            raise refusal("ValidationError", "DescribeStacks", f"Stack with id {StackName} does not exist")
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.outputs[StackName].items()]
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}


@pytest.fixture
def stacks() -> Stacks:
    return Stacks()


@pytest.fixture(autouse=True)
def aws(stacks: Stacks, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An account of moto, which has neither Cost Explorer's tags nor IAM's simulation."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        aws = Aws(REGION, boto3.Session(region_name=REGION), {})
        vars(aws)["cloudformation"] = stacks
        yield aws


@pytest.fixture
def dev() -> Environment:
    return environments.get("dev")


def refusal(code: str, operation: str = "GetThing", message: str = "No.") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def raising(error: Exception) -> Any:
    def call(**_: Any) -> Any:
        raise error

    return call


# Refusals


@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"]
)
def test_denied_look_names_the_missing_right(code: str) -> None:
    seen = see("ses", raising(refusal(code, "GetAccount")))

    assert isinstance(seen, Unseen)
    assert seen.right == "ses:GetAccount"


def test_other_refusal_and_silence_are_told_as_they_are() -> None:
    throttled = see("ses", raising(refusal("TooManyRequestsException", "GetAccount")))
    silent = see("ce", raising(EndpointConnectionError(endpoint_url="https://ce.example")))

    assert throttled == Unseen("AWS refused ses:GetAccount: TooManyRequestsException.")
    assert isinstance(silent, Unseen)
    assert (silent.right, "https://ce.example" in silent.why) == ("", True)


def test_expired_credentials_end_the_command() -> None:
    with pytest.raises(ClientError):
        see("ses", raising(refusal("ExpiredToken")))


# Publishers and alerts


def test_publishers_of_the_account_are_looked_up_by_name(
    aws: Aws, dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    iam = aws.client("iam")
    iam.create_role(RoleName="shop", Path="/order/", AssumeRolePolicyDocument=TRUST)
    iam.create_user(UserName="legacy")
    prefix = f"arn:aws:iam::{ACCOUNT}:"
    arns = ["role/order/shop", "user/legacy", "role/gone", "user/gone", "root"]
    listed = [*(prefix + arn for arn in arns), "arn:aws:iam::999999999999:role/theirs"]
    monkeypatch.setitem(dev.settings.parameters, "PublisherPrincipalArns", ",".join(listed))

    found = Look(dev, aws).publishers()

    assert list(found.values()) == [True, True, False, False, True]
    assert list(found) == listed[:-1]


def test_alert_topic_of_stacks_that_stand_alone_is_found(aws: Aws, stacks: Stacks, dev: Environment) -> None:
    assert Look(dev, aws).alert_subscriptions() is None
    topic = aws.sns.create_topic(Name="alerts")["TopicArn"]
    stacks.outputs["email-notifications-dev-observability"] = {"AlertsTopicArn": topic}
    look = Look(dev, aws)
    assert look.is_deployed
    assert look.alert_subscriptions() == []

    aws.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:on-call")
    subscriptions = look.alert_subscriptions()
    assert not isinstance(subscriptions, Unseen)
    assert subscriptions is not None
    [one] = subscriptions
    assert one["Protocol"] == "sqs"


# Rights


class Iam:
    """IAM of somebody whose role, or user, is denied some actions."""

    def __init__(self, *denied: str, undecided: tuple[str, ...] = ()) -> None:
        self.denied, self.undecided = denied, undecided
        self.asked: list[dict[str, Any]] = []

    def get_role(self, RoleName: str) -> dict[str, Any]:  # noqa: N803
        return {"Role": {"Arn": f"arn:aws:iam::{ACCOUNT}:role/path/{RoleName}"}}

    def get_paginator(self, name: str) -> Iam:
        assert name == "simulate_principal_policy"
        return self

    def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
        self.asked.append(request)
        for action in request["ActionNames"]:
            missing = ["aws:RequestTag/Service"] if action in self.undecided else []
            decision = "implicitDeny" if action in (*self.denied, *self.undecided) else "allowed"
            yield {
                "EvaluationResults": [
                    {"EvalActionName": action, "EvalDecision": decision, "MissingContextValues": missing}
                ]
            }


def test_rights_of_a_session_are_those_of_its_role() -> None:
    iam = Iam("iam:CreateRole", undecided=("kms:CreateKey",))
    caller = f"arn:aws:sts::{ACCOUNT}:assumed-role/deployer/somebody"

    assert rights.denied(iam, caller, NAMES) == ["iam:CreateRole"]
    assert {request["PolicySourceArn"] for request in iam.asked} == {
        f"arn:aws:iam::{ACCOUNT}:role/path/deployer"
    }
    resources = [resource for request in iam.asked for resource in request["ResourceArns"]]
    assert f"arn:aws:sqs:{REGION}:{ACCOUNT}:email-notifications-dev-send" in resources
    assert not [resource for resource in resources if "{" in resource]


def test_user_is_simulated_root_may_do_all_and_others_are_unknown() -> None:
    user, root = f"arn:aws:iam::{ACCOUNT}:user/ops/ada", f"arn:aws:iam::{ACCOUNT}:root"
    iam = Iam()

    assert rights.denied(iam, user, NAMES) == []
    assert iam.asked[0]["PolicySourceArn"] == user
    assert rights.denied(Iam("iam:CreateRole"), root, NAMES) == []
    federated = f"arn:aws:sts::{ACCOUNT}:federated-user/ada"
    assert isinstance(rights.denied(iam, federated, NAMES), Unseen)


def test_resources_are_of_the_callers_partition() -> None:
    iam = Iam()
    rights.denied(iam, f"arn:aws-cn:iam::{ACCOUNT}:user/ada", NAMES)

    resources = [request["ResourceArns"][0] for request in iam.asked]
    assert {resource.split(":")[1] for resource in resources if resource != "*"} == {"aws-cn"}


# The whole command


class Denying:
    """A client that is denied everything but to learn who it is."""

    def __init__(self, service: str, *_region: str) -> None:
        self._service = service

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ada"}

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=getattr(self, name))

    def __getattr__(self, name: str) -> Any:
        operation = "".join(map(str.capitalize, name.split("_")))
        return raising(refusal("AccessDeniedException", operation))


def test_account_in_which_nothing_may_be_seen_is_no_crash(
    dev: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    session: Any = SimpleNamespace(client=Denying)
    blind = Aws(REGION, session, {})
    monkeypatch.setitem(dev.settings.parameters, "PublisherPrincipalArns", f"arn:aws:iam::{ACCOUNT}:role/x")
    monkeypatch.setattr(environments, "get", lambda _: dev)
    monkeypatch.setattr(clients, "connect", lambda _: blind)
    monkeypatch.setattr(Look, "dmarc", lambda _: Unseen("There is no `dig` on this machine."))
    done = CliRunner().invoke(cli.app, ["preflight", "--env", "dev", "--json"])

    answer = json.loads(done.stdout)
    assert (done.exit_code, answer["ready"]) == (0, True)
    assert {"environment": "dev", "account": ACCOUNT, "region": REGION}.items() <= answer.items()
    assert f"account {ACCOUNT}, region {REGION}, environment dev" in done.stderr
    assert {finding["severity"] for finding in answer["findings"]} == {"unknown"}
    assert {finding["remedy"] for finding in answer["findings"] if finding["check"] != "DMARC"} == {
        "Allow ses:GetAccount.",
        "Allow ses:GetEmailIdentity.",
        "Allow lambda:GetAccountSettings.",
        "Allow cloudwatch:DescribeAlarms.",
        "Allow cloudformation:DescribeStacks.",
        "Allow ce:ListCostAllocationTags.",
        "Allow iam:GetAccountSummary.",
        "Allow iam:GetRole.",
        "Allow iam:SimulatePrincipalPolicy.",
    }


def test_needs_are_counted_in_the_templates(dev: Environment) -> None:
    needed = facts.needs(dev.settings.parameters)
    more = facts.needs({**dev.settings.parameters, "SendMaximumConcurrency": "12"})

    assert needed.alarms >= 10
    assert needed.roles >= 4
    assert more.concurrency == needed.concurrency + 10


@pytest.mark.parametrize("environment", ["dev", "staging", "prod", "local"])
def test_every_environment_says_what_it_is_expected_to_send(environment: str) -> None:
    assert facts.volume(environment).emails_per_day > 0
