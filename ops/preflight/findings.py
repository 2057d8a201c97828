"""What `notify preflight` knows of an account, and what it says about it. Pure: no AWS, no terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How much a finding matters, the worst first."""

    MUST = "must"
    """Emails would not be sent or would be lost, or the deployment would fail."""
    SHOULD = "should"
    """It works without, but worse, dearer or unseen."""
    UNKNOWN = "unknown"
    """AWS does not tell, or does not tell this caller."""
    OK = "ok"


@dataclass(frozen=True)
class Finding:
    """The answer of one check.

    Parameters
    ----------
    check
        What was looked at.
    what
        How it is.
    remedy
        What to do about it: a place in the console, a record or a command; empty if there is nothing to do.
    """

    severity: Severity
    check: str
    what: str
    remedy: str = ""


@dataclass(frozen=True)
class Unseen:
    """A fact that could not be had.

    Parameters
    ----------
    why
        What AWS, or the network, said.
    right
        The IAM action that is missing; empty if that is not the cause.
    """

    why: str
    right: str = ""

    def finding(self, check: str, remedy: str = "") -> Finding:
        """What is to be said instead of an answer."""
        if self.right:
            return Finding(
                Severity.UNKNOWN, check, f"The caller lacks the right {self.right}.", f"Allow {self.right}."
            )
        return Finding(Severity.UNKNOWN, check, self.why, remedy)


@dataclass(frozen=True)
class Needs:
    """What the templates ask of the account.

    Parameters
    ----------
    concurrency
        Function runs at the same time, at most.
    alarms, roles
        How many of them a deployment has.
    """

    concurrency: int
    alarms: int
    roles: int


@dataclass(frozen=True)
class Volume:
    """What an environment is expected to send, as ops/preflight/volumes.yaml says it."""

    emails_per_day: int
    spike_factor: float
    busiest_hour_percent: float

    @property
    def spike_per_day(self) -> float:
        """Emails on the day of a spike."""
        return self.emails_per_day * self.spike_factor

    @property
    def per_second(self) -> float:
        """Emails a second in the busiest hour of an ordinary day."""
        return self.emails_per_day * self.busiest_hour_percent / 100 / 3600

    @property
    def spike_per_second(self) -> float:
        """Emails a second in the busiest hour of a spike."""
        return self.per_second * self.spike_factor


@dataclass(frozen=True)
class Facts:
    """What is known. Answers of AWS are as its API gives them; each may be `Unseen`.

    Parameters
    ----------
    is_serious
        Whether customers, or those who stand for them, get the environment's emails.
    is_deployed
        Whether the environment has stacks in this region.
    parameters
        The environment's parameter file.
    ses
        GetAccount of SES.
    identity
        GetEmailIdentity of FromIdentity; None if there is no such identity.
    dmarc
        The DMARC record for FromAddress; None if there is none.
    functions
        AccountLimit of Lambda's GetAccountSettings.
    iam
        SummaryMap of GetAccountSummary.
    alarms
        How many alarms the region has.
    publishers
        By ARN of PublisherPrincipalArns, whether it exists.
    cost_tags
        Status by key of cost allocation tag, as far as the key is known to Cost Explorer.
    wanted_cost_tags
        Keys of the tags that all resources carry.
    alert_subscriptions
        ListSubscriptionsByTopic of the alert topic; None while there is no topic.
    denied
        Actions of a deployment that the caller may not take.
    """

    environment: str
    account: str
    region: str
    is_serious: bool
    is_deployed: bool
    parameters: Mapping[str, str]
    needs: Needs
    volume: Volume
    ses: Mapping[str, Any] | Unseen
    identity: Mapping[str, Any] | Unseen | None
    dmarc: str | Unseen | None
    functions: Mapping[str, Any] | Unseen
    iam: Mapping[str, int] | Unseen
    alarms: int | Unseen
    publishers: Mapping[str, bool | Unseen]
    cost_tags: Mapping[str, str] | Unseen
    alert_subscriptions: Sequence[Mapping[str, Any]] | Unseen | None
    denied: Sequence[str] | Unseen
    wanted_cost_tags: Sequence[str] = field(default_factory=list)

    @property
    def for_customers(self) -> Severity:
        """How much it matters what only hurts customers."""
        return Severity.MUST if self.is_serious else Severity.SHOULD
