"""taskcat's process reaches the account that it is meant to reach, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from moto import mock_aws

from ci.taskcat import deployment, target
from ops.errors import InputError

CREDENTIALS = """
[default]
aws_access_key_id = of-another-account
aws_secret_access_key = secret
[mine]
aws_access_key_id = of-my-account
aws_secret_access_key = secret
aws_session_token = token
"""


@pytest.fixture
def no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment without credentials; returns the file where profiles may be put."""
    for variable in target.CREDENTIALS:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return tmp_path / "credentials"


@mock_aws(config={"core": {"mock_credentials": False}})
def test_process_has_the_callers_keys_and_no_profile_that_could_win_over_them(
    no_credentials: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_credentials.write_text(CREDENTIALS)
    monkeypatch.setenv("AWS_PROFILE", "mine")
    environment = target.caller().environment
    assert environment["AWS_ACCESS_KEY_ID"] == "of-my-account"
    assert environment["AWS_SESSION_TOKEN"] == "token"
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"


def test_caller_without_credentials_is_told_what_to_do(no_credentials: Path) -> None:
    with pytest.raises(InputError, match="no AWS credentials"):
        target.caller()


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_REGION", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"])
def test_emulators_environment_leaves_out_what_names_another_place(variable: str) -> None:
    assert target.names_another_place(variable)


def reach(address: str) -> str:
    """Try to reach an address in a process that may reach this machine only; returns how that ended."""
    program = (
        f"import runpy, socket; module = runpy.run_path({str(deployment.PROGRAM)!r});"
        "module['allow_loopback_only']();"
        f"socket.create_connection({address}, timeout=1)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2]


@pytest.mark.parametrize("host", ["192.0.2.1", "s3.amazonaws.com", "localhost"])
def test_process_is_refused_any_host_but_this_machines_address(host: str) -> None:
    assert reach(f"({host!r}, 80)") == f"PermissionError: {host!r} is not this machine"


def test_process_reaches_this_machine() -> None:
    assert reach("('127.0.0.1', 1)").startswith("ConnectionRefusedError")
