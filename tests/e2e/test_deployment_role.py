"""The role of ci/deployment-role.yaml deploys its environment, and may do nothing to another.

On an emulator that checks what callers may do. What CloudFormation does for the caller it does unchecked
there; that the role has rights for each type of resource is checked by tests/templates/test_pipeline.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from ci.emulator.process import Emulator
from ops import aws
from ops.aws import Aws
from ops.deploying import deployment, environments
from ops.deploying.deployment import Operator
from ops.deploying.environments import Target
from ops.output import Progress
from tests.support import markdown
from tests.support.system import PROJECT, System, order, order_id

ACCOUNT = "000000000000"
PIPELINE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/pipeline"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deployment-email-notifications-dev"


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    log = tmp_path_factory.mktemp("role") / "emulator.log"
    with Emulator.start(log, {"AUTH": "true"}) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def deployer(emulator: Emulator) -> Aws:
    """What a build of the pipeline has, with the role that docs/pipeline.md says how to make."""
    admin = aws.local(emulator.endpoint_url)
    make_pipeline_role(admin)
    [command] = markdown.code(PROJECT / "docs" / "pipeline.md", "The roles")
    parameters = dict(re.findall(r"(\w+)=(\S+)", command.replace("$DEPLOY_ROLE_ARN", PIPELINE_ROLE)))
    admin.cloudformation.create_stack(
        StackName="deployment-role",
        TemplateBody=(PROJECT / "ci" / "deployment-role.yaml").read_text(),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    admin.cloudformation.get_waiter("stack_create_complete").wait(
        StackName="deployment-role", WaiterConfig={"Delay": 1}
    )
    return assumed(assumed(admin, PIPELINE_ROLE), ROLE)


def make_pipeline_role(admin: Aws) -> None:
    """As ci/pipeline.yaml makes it, but for people of the account to assume."""
    trusted = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    }
    may = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE}
    iam = admin.client("iam")
    iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument=policy(trusted))
    iam.put_role_policy(RoleName="pipeline", PolicyName="deploy", PolicyDocument=policy(may))


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def assumed(by: Aws, role_arn: str) -> Aws:
    """Clients of a role."""
    granted = by.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="build")["Credentials"]
    session = boto3.Session(
        aws_access_key_id=granted["AccessKeyId"],
        aws_secret_access_key=granted["SecretAccessKey"],
        aws_session_token=granted["SessionToken"],
        region_name=by.region,
    )
    return Aws(by.region, session, by.client_options)


def test_role_deploys_its_environment_and_sends_an_order_through_it(
    emulator: Emulator, deployer: Aws
) -> None:
    result = deployment.deploy(Target(environments.get("dev"), deployer), "root", Operator(), Progress())

    assert result.outcome == "created"
    id_, system = order_id(), System(emulator, result.outputs)
    deployer.sns.publish(TopicArn=system.outputs["OrderEventsTopicArn"], Message=json.dumps(order(id_)))
    system.wait_for_status(id_, "DELIVERED")


def test_role_cannot_touch_another_environment(deployer: Aws) -> None:
    calls: list[tuple[Any, dict[str, Any]]] = [
        (deployer.cloudformation.delete_stack, {"StackName": "email-notifications-prod"}),
        (deployer.sqs.create_queue, {"QueueName": "email-notifications-prod-send"}),
        (deployer.sns.create_topic, {"Name": "email-notifications-prod-order-events"}),
        (deployer.dynamodb.delete_table, {"TableName": "email-notifications-prod-ledger"}),
        (deployer.client("lambda").delete_function, {"FunctionName": "email-notifications-prod-send-email"}),
        (deployer.client("iam").delete_role, {"RoleName": "deployment-email-notifications-prod"}),
        (deployer.client("iam").delete_role, {"RoleName": "pipeline"}),
        (
            deployer.client("iam").put_role_policy,
            {
                "RoleName": "deployment-email-notifications-dev",
                "PolicyName": "more",
                "PolicyDocument": policy({"Effect": "Allow", "Action": "*", "Resource": "*"}),
            },
        ),
    ]
    for call, arguments in calls:
        with pytest.raises(ClientError, match=r"AccessDenied|not authorized"):
            call(**arguments)
