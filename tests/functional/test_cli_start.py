"""What `notify` imports: for its help next to nothing, for a command no more than that command uses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]

PROGRAM = """
import json, sys
from ops import cli
try:
    cli.app(sys.argv[1:], prog_name="notify")
except SystemExit:
    pass
print(json.dumps(sorted(sys.modules)))
"""
NOWHERE = "http://127.0.0.1:9"
HEAVY = {"boto3", "botocore", "jinja2", "rich", "yaml", "ministack", "psutil", "aws_lambda_powertools"}


def imported(*arguments: str) -> set[str]:
    """The modules in memory after a command."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        cwd=PROJECT,
        env={**os.environ, "AWS_ENDPOINT_URL": NOWHERE},
        capture_output=True,
        text=True,
        check=True,
    )
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


@pytest.mark.parametrize("command", ["find A-1", "status", "stats", "audit", "cost"])
def test_read_command_imports_nothing_that_renders_validates_or_emulates(command: str) -> None:
    modules = imported(*command.split(), "--env", "dev")
    assert "boto3" in modules
    assert modules & {"jinja2", "fastjsonschema", "aws_lambda_powertools", "ministack", "psutil"} == set()
