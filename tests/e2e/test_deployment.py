"""What runs on the laptop is what goes to AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ops.release import build
from tests.support.system import PROJECT, STACK_NAME, System, order

CHILDREN = {
    "SecurityStack": "security",
    "MessagingStack": "messaging",
    "DataStack": "data",
    "SendingStack": "sending",
    "ObservabilityStack": "observability",
}


def test_deployed_templates_are_the_files_of_the_project(system: System) -> None:
    cloudformation = system.aws.cloudformation
    nested = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for resource in cloudformation.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
        if resource["ResourceType"] == "AWS::CloudFormation::Stack"
    }
    assert nested.keys() == CHILDREN.keys()
    stacks = {STACK_NAME: "root"} | {nested[logical_id]: name for logical_id, name in CHILDREN.items()}
    for stack, name in stacks.items():
        deployed: Any = cloudformation.get_template(StackName=stack)["TemplateBody"]
        assert deployed == (PROJECT / "stacks" / f"{name}.yaml").read_text(), name


def test_root_tells_where_everything_is(system: System) -> None:
    promised = {
        "OrderEventsTopicArn",
        "FeedbackTopicArn",
        "LedgerTableName",
        "SendQueueUrl",
        "SendDeadLetterQueueUrl",
        "FeedbackDeadLetterQueueUrl",
        "ConfigurationSetName",
    }
    assert promised <= system.outputs.keys()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("functions")
    with zipfile.ZipFile(build.build("local").functions_zip) as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.parametrize("function", ["send_email", "track_delivery", "check_ledger"])
def test_zip_alone_runs_a_function(system: System, unpacked: Path, function: str) -> None:
    """Without this project's own environment on the path, so that a missing dependency does not hide."""
    name = f"email-notifications-local-{function.replace('_', '-')}"
    configuration = lambda_configuration(system, name)
    record = {
        "messageId": "1",
        "receiptHandle": "none",
        "body": json.dumps(order()) if function == "send_email" else somebody_elses_event(),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
    }
    program = (
        "import sys, json; sys.path.insert(0, '.');"
        f"import {function} as module;"
        "context = type('Context', (), {'get_remaining_time_in_millis': lambda self: 6000})();"
        "print(json.dumps(module.handler(json.loads(sys.argv[1]), context)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program, json.dumps({"Records": [record]})],
        cwd=unpacked,
        env={
            "PATH": os.environ["PATH"],
            "AWS_ENDPOINT_URL": system.emulator.endpoint_url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            **configuration,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = [{"batchItemFailures": []}, {"overdue": 0}]
    assert json.loads(done.stdout.splitlines()[-1]) in answers


def somebody_elses_event() -> str:
    """An event that changes nothing; an unreadable one would be a dead letter, which holds back resends."""
    return (PROJECT / "ci" / "emulator" / "tests" / "ses_events" / "send.json").read_text()


def lambda_configuration(system: System, name: str) -> dict[str, str]:
    """Environment variables that CloudFormation gave the function."""
    configuration = system.client("lambda").get_function_configuration(FunctionName=name)
    variables: dict[str, str] = configuration["Environment"]["Variables"]
    return variables


def test_two_builds_give_the_same_bytes() -> None:
    first = build.build("local")
    content = first.functions_zip.read_bytes()
    second = build.build("local")
    assert second.prefix == first.prefix
    assert second.functions_zip.read_bytes() == content
