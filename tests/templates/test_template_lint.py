"""cfn-lint finds nothing, at its strictest, also across root and its children."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.templates.model import CHILDREN, PROJECT, STACKS

TEMPLATES = [
    *sorted(STACKS.glob("*.yaml")),
    *sorted((PROJECT / "ci").glob("*.yaml")),
    PROJECT / "ops" / "deploying" / "artifacts.yaml",
]


def lint(*options: str) -> subprocess.CompletedProcess[str]:
    """Run cfn-lint with the project's settings and what the options change of them."""
    command = [str(Path(sys.executable).with_name("cfn-lint")), *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_lint_finds_nothing_in_any_template() -> None:
    result = lint()

    assert result.stdout + result.stderr == ""
    assert result.returncode == 0


def test_lint_finds_nothing_between_root_and_its_children() -> None:
    """cfn-lint reads children by relative path only, so root is rendered with such paths beside them."""
    folder = PROJECT / "build" / "lint"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    root, replaced = re.subn(
        r"TemplateURL: !Sub https://\S+stacks/(\w+\.yaml)",
        r"TemplateURL: ./\1",
        (STACKS / "root.yaml").read_text(),
    )
    (folder / "root.yaml").write_text(root)
    for child in CHILDREN:
        shutil.copy(STACKS / f"{child}.yaml", folder)

    # W3002 says that a relative path needs the package command: it is only in this rendering.
    result = lint("--ignore-checks", "W3002", "--template", "build/lint/root.yaml")

    assert replaced == len(CHILDREN)
    assert result.stdout + result.stderr == ""


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_template_is_ascii(path: Path) -> None:
    """CloudFormation gives every other character back as a question mark, also those of comments."""
    lines = enumerate(path.read_text().splitlines(), start=1)
    assert [number for number, line in lines if not line.isascii()] == []


def test_no_rule_is_ignored() -> None:
    settings = yaml.safe_load((PROJECT / ".cfnlintrc.yaml").read_text())

    assert "ignore_checks" not in settings
    assert "I" in settings["include_checks"]
    assert settings["configure_rules"]["E3012"]["strict"] is True
    for path in STACKS.glob("*.yaml"):
        assert "cfn-lint" not in path.read_text()
