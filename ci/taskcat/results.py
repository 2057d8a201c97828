"""What a run has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from ops.deploying.retained import Retained


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Parameters
    ----------
    detail
        What was seen, or what was wrong.
    seconds
        How long it took until that was seen.
    """

    name: str
    passed: bool
    detail: str
    seconds: float


@dataclass
class StackResult:
    """One test's stack in one region, from its creation to its end.

    Parameters
    ----------
    stack
        Its name.
    retained
        What outlived it.
    """

    test: str
    region: str
    stack: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    retained: list[Retained] = field(default_factory=list)

    def check(self, name: str) -> Check | None:
        """Return the check of a name, if it was made."""
        return next((check for check in self.checks if check.name == name), None)

    @property
    def passed(self) -> bool:
        """Whether every check has passed; a stack without checks was never looked at."""
        return bool(self.checks) and all(check.passed for check in self.checks)


@dataclass
class Run:
    """All stacks of a run.

    Parameters
    ----------
    deletes_retained
        Whether what outlives its stack was deleted, too.
    """

    target: str
    account: str
    started_at: datetime
    deletes_retained: bool
    stacks: list[StackResult] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every stack has passed, and there was one."""
        return bool(self.stacks) and all(stack.passed for stack in self.stacks)
