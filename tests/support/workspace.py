"""A working tree of its own, in which a test changes what it likes and runs `notify` as an operator does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ci.emulator.process import Emulator
from tests.support import aws_cli
from tests.support.system import FAST, PROJECT

PARTS = ("ci", "functions", "ops", "parameters", "stacks", "pyproject.toml", "uv.lock")


@dataclass(frozen=True)
class Workspace:
    """A copy of the project whose AWS is an emulator."""

    folder: Path
    emulator: Emulator

    def notify(
        self, *arguments: str, typed: str = "", exit_code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        """Run `notify`; what it asks is answered with what is `typed`."""
        done = subprocess.run(
            [sys.executable, "-c", "from ops.cli import main; main()", *arguments],
            cwd=self.folder,
            env=self.variables,
            input=typed,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done

    def run(self, script: str, typed: str = "") -> str:
        """Run commands in bash, answer what they ask with what is `typed`; returns all that they print."""
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=self.folder,
            env=self.variables,
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}"
        return done.stdout

    @cached_property
    def commands(self) -> Path:
        """A folder with `aws`."""
        return aws_cli.install(self.folder.parent / "commands")

    @property
    def variables(self) -> dict[str, str]:
        """Environment in which the AWS is the emulator."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return own | {
            "PATH": os.pathsep.join(
                [str(self.commands), str(PROJECT / ".tools" / "bin"), os.environ["PATH"]]
            ),
            "PYTHONDONTWRITEBYTECODE": "1",
            # `uv run` takes the environment that this test runs in, as it is, and the tree's own modules.
            "UV_FROZEN": "1",
            "UV_NO_SYNC": "1",
            "UV_PROJECT_ENVIRONMENT": sys.prefix,
            "PYTHONPATH": os.pathsep.join([str(self.folder), str(self.folder / "functions")]),
            "AWS_ENDPOINT_URL": self.emulator.endpoint_url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def release(self, tag: str) -> None:
        """Commit the tree and tag it."""
        author = ["-c", "user.name=Test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"]
        for command in (
            ["init", "--quiet"],
            ["add", "ci", "functions", "ops", "parameters", "stacks"],
            [*author, "commit", "--quiet", "--message", tag],
            ["tag", tag],
        ):
            subprocess.run(["git", *command], cwd=self.folder, check=True)

    def edit(self, path: str, old: str, new: str) -> None:
        """Change a file."""
        file = self.folder / path
        text = file.read_text()
        assert old in text, f"{path} has no {old!r}"
        file.write_text(text.replace(old, new))

    def set(self, environment: str, **parameters: str) -> None:
        """Change values in an environment's parameter file."""
        file = self.folder / "parameters" / f"{environment}.yaml"
        lines = file.read_text().splitlines()
        for name, value in parameters.items():
            [number] = [n for n, line in enumerate(lines) if line.startswith(f"  {name}:")]
            lines[number] = f'  {name}: "{value}"'
        file.write_text("\n".join(lines) + "\n")


def make(folder: Path, emulator: Emulator) -> Workspace:
    """Copy the project; its dev environment resolves crashes and unknown outcomes in seconds."""
    copy(folder)
    workspace = Workspace(folder, emulator)
    workspace.set("dev", **FAST)
    return workspace


def copy(folder: Path) -> None:
    """Copy what the project is built from; installed dependencies are shared."""
    skipped = shutil.ignore_patterns("__pycache__", "*.pyc")
    for part in PARTS:
        source, target = PROJECT / part, folder / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=skipped)
        else:
            shutil.copy(source, target)
    dependencies = PROJECT / "build" / "dependencies"
    dependencies.mkdir(parents=True, exist_ok=True)
    (folder / "build").mkdir()
    (folder / "build" / "dependencies").symlink_to(dependencies)
