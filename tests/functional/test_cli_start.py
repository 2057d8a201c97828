"""What `notify` imports: for its help next to nothing, for a command no more than that command uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.cli import GROUPS, HEADINGS

PROJECT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, sys
from ops import cli
for arguments in json.loads(sys.argv[1]):
    try:
        cli.app(arguments, prog_name="notify")
    except SystemExit:
        pass
print(json.dumps(sorted(sys.modules)))
"""
EMPTY_QUEUES = """
from collections import defaultdict
from types import SimpleNamespace
from ops import targets
counts = {"ApproximateNumberOfMessages": "0", "ApproximateNumberOfMessagesNotVisible": "0"}
sqs = SimpleNamespace(
    get_queue_attributes=lambda **_: {"Attributes": counts},
    receive_message=lambda **_: {},
    change_message_visibility_batch=lambda **_: {},
)
targets.find = lambda env, region: SimpleNamespace(aws=SimpleNamespace(sqs=sqs), outputs=defaultdict(str))
"""
NOWHERE = "http://127.0.0.1:9"
HEAVY = {"boto3", "botocore", "jinja2", "rich", "yaml", "ministack", "psutil", "aws_lambda_powertools"}


def run(*commands: list[str], program: str = PROGRAM) -> subprocess.CompletedProcess[str]:
    """Run commands in one process, whose last line names the modules in memory."""
    return subprocess.run(
        [sys.executable, "-c", program, json.dumps(commands)],
        cwd=PROJECT,
        env={**os.environ, "AWS_ENDPOINT_URL": NOWHERE},
        capture_output=True,
        text=True,
        check=True,
    )


def imported(*arguments: str) -> set[str]:
    """The modules in memory after a command."""
    return modules_of(run(list(arguments)))


def modules_of(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["dlq", "--help"], ["local", "--help"], ["fnd"]])
def test_help_imports_no_command_and_nothing_heavy(arguments: list[str]) -> None:
    modules = imported(*arguments)
    assert "typer" in modules
    assert modules & HEAVY == set()
    assert [name for name in modules if name.startswith("ops.commands.")] == []


def test_help_of_a_command_imports_that_command_only() -> None:
    modules = imported("find", "--help")
    commands = {name for name in modules if name.startswith("ops.commands.")}
    assert commands == {"ops.commands.find", "ops.commands.options"}


def test_help_of_no_command_imports_boto3() -> None:
    alone = [[name] for section in HEADINGS.values() for name in section if name not in GROUPS]
    commands = alone + [[group, name] for group, names in GROUPS.items() for name in names]
    done = run(*([*command, "--help"] for command in commands))
    assert done.stdout.count("Usage: notify ") == len(commands)
    assert modules_of(done) & {"boto3", "jinja2", "ministack", "psutil", "aws_lambda_powertools"} == set()


@pytest.mark.parametrize("command", ["find A-1", "status", "stats", "audit", "cost"])
def test_read_command_imports_nothing_that_renders_validates_or_emulates(command: str) -> None:
    modules = imported(*command.split(), "--env", "dev")
    assert "boto3" in modules
    assert modules & {"jinja2", "fastjsonschema", "aws_lambda_powertools", "ministack", "psutil"} == set()


def test_dead_letters_are_listed_without_schemas_and_templates() -> None:
    done = run(["dlq", "list"], program=EMPTY_QUEUES + PROGRAM)
    assert "no dead letters" in done.stderr
    assert modules_of(done) & {"boto3", "jinja2", "fastjsonschema"} == set()
