"""Asks AWS what `notify preflight` has to know. What the caller may not see is a fact, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from botocore.exceptions import BotoCoreError, ClientError

from ops.aws import Aws
from ops.deploying import templates
from ops.deploying.environments import Environment, Target
from ops.deploying.stacks import outputs_of
from ops.errors import EXPIRED, InputError
from ops.output import Progress
from ops.preflight import dns, rights
from ops.preflight.findings import Facts, Needs, Unseen, Volume

VOLUMES = Path(__file__).with_name("volumes.yaml")
COST_REGION = "us-east-1"
"""Cost Explorer and IAM have one endpoint for all regions."""

DENIED = ("AccessDenied", "Unauthorized", "AuthorizationError", "NotAuthorized")
NOT_FOUND = ("NotFoundException", "NoSuchEntity")

T = TypeVar("T")


def gather(environment: Environment, aws: Aws, progress: Progress) -> Facts:
    """All facts, as of now."""
    look = Look(environment, aws)
    facts: dict[str, Any] = {}
    with progress.doing("asking SES"):
        facts |= {"ses": look.ses(), "identity": look.identity()}
    with progress.doing("asking the DNS"):
        facts["dmarc"] = look.dmarc()
    with progress.doing("asking Lambda, CloudWatch, SNS and Cost Explorer"):
        facts |= {
            "functions": look.functions(),
            "alarms": look.alarms(),
            "alert_subscriptions": look.alert_subscriptions(),
            "cost_tags": look.cost_tags(),
        }
    with progress.doing("asking IAM"):
        facts |= {"iam": look.iam(), "publishers": look.publishers(), "denied": look.denied()}
    return Facts(
        environment=environment.name,
        account=aws.account,
        region=aws.region,
        is_serious=environment.is_production,
        is_deployed=look.is_deployed,
        parameters=environment.settings.parameters,
        needs=needs(environment.settings.parameters),
        volume=volume(environment.name),
        wanted_cost_tags=list(environment.settings.tags),
        **facts,
    )


class Look:
    """Each look at the account; `Unseen` where it is refused."""

    def __init__(self, environment: Environment, aws: Aws) -> None:
        self._aws = aws
        self._environment = environment
        self._parameters = environment.settings.parameters
        self._target = Target(environment, aws)
        self._owner = see("cloudformation", self._target.owner)

    @property
    def is_deployed(self) -> bool:
        """Whether the environment has stacks, as far as can be seen."""
        return self._owner in ("root", "standalone")

    def ses(self) -> Mapping[str, Any] | Unseen:
        """The account's SES."""
        return see("ses", self._aws.client("sesv2").get_account)

    def identity(self) -> Mapping[str, Any] | Unseen | None:
        """The identity that emails are sent by."""
        name = self._parameters["FromIdentity"]
        client = self._aws.client("sesv2")
        return see("ses", lambda: existing(client.get_email_identity, EmailIdentity=name))

    def dmarc(self) -> str | Unseen | None:
        """The DMARC record; an emulator has no DNS, and its domain is none of the operator's."""
        if self._aws.is_emulator:
            return Unseen("The emulator has no DNS.")
        return dns.dmarc_record(self._parameters["FromAddress"].rpartition("@")[2])

    def functions(self) -> Mapping[str, Any] | Unseen:
        """Lambda's limits."""
        client = self._aws.client("lambda")
        return see("lambda", lambda: client.get_account_settings()["AccountLimit"])

    def alarms(self) -> int | Unseen:
        """How many alarms there are."""

        def count() -> int:
            paginator = self._aws.client("cloudwatch").get_paginator("describe_alarms")
            pages = paginator.paginate(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            return sum(len(page["MetricAlarms"]) + len(page.get("CompositeAlarms", [])) for page in pages)

        return see("cloudwatch", count)

    def alert_subscriptions(self) -> Sequence[Mapping[str, Any]] | Unseen | None:
        """Subscriptions of the alert topic, if there is one."""
        if isinstance(self._owner, Unseen):
            return self._owner
        topic_arn = self._alert_topic()
        if topic_arn is None:
            return None

        def subscriptions() -> list[Any]:
            paginator = self._aws.sns.get_paginator("list_subscriptions_by_topic")
            return [one for page in paginator.paginate(TopicArn=topic_arn) for one in page["Subscriptions"]]

        return see("sns", subscriptions)

    def _alert_topic(self) -> str | None:
        for name in (templates.ROOT, "observability"):
            if arn := outputs_of(self._target.stack(name).find()).get("AlertsTopicArn"):
                return arn
        return None

    def cost_tags(self) -> Mapping[str, str] | Unseen:
        """Status of those cost allocation tags that are known."""
        keys = list(self._environment.settings.tags)

        def statuses() -> dict[str, str]:
            client = self._global("ce")
            found: dict[str, str] = {}
            token: dict[str, str] = {}
            while True:
                page = client.list_cost_allocation_tags(TagKeys=keys, **token)
                found |= {tag["TagKey"]: tag["Status"] for tag in page["CostAllocationTags"]}
                if not page.get("NextToken"):
                    return found
                token = {"NextToken": page["NextToken"]}

        return see("ce", statuses)

    def iam(self) -> Mapping[str, int] | Unseen:
        """What IAM holds, and its quotas."""
        client = self._global("iam")
        return see("iam", lambda: client.get_account_summary()["SummaryMap"])

    def publishers(self) -> dict[str, bool | Unseen]:
        """Whether those of this account exist; the others cannot be seen."""
        listed = [arn.strip() for arn in self._parameters["PublisherPrincipalArns"].split(",") if arn.strip()]
        return {arn: self._exists(arn) for arn in listed if arn.split(":")[4] == self._aws.account}

    def _exists(self, arn: str) -> bool | Unseen:
        kind, _, path = arn.split(":", 5)[5].partition("/")
        name, client = path.rpartition("/")[2], self._global("iam")
        match kind:
            case "role":
                found = see("iam", lambda: existing(client.get_role, RoleName=name))
            case "user":
                found = see("iam", lambda: existing(client.get_user, UserName=name))
            case _:
                return True
        return found if isinstance(found, Unseen) else found is not None

    def denied(self) -> Sequence[str] | Unseen:
        """Actions of a deployment that the caller may not take."""
        names = {
            "account": self._aws.account,
            "region": self._aws.region,
            "service": self._environment.service,
            "name": self._environment.stack_name(),
        }

        def look() -> list[str] | Unseen:
            caller = self._aws.client("sts").get_caller_identity()["Arn"]
            return rights.denied(self._global("iam"), caller, names)

        return see("iam", look)

    def _global(self, service: str) -> Any:
        """A client of a service that is the same in all regions."""
        return self._aws.session.client(service, COST_REGION, **self._aws.client_options)  # type: ignore[call-overload]


def see(service: str, look: Callable[[], T]) -> T | Unseen:
    """Look; if that is refused, or cannot be done, that is said instead of raised.

    Credentials that are no longer valid are raised: then nothing can be seen.

    Parameters
    ----------
    service
        As IAM's actions name it.
    """
    try:
        return look()
    except ClientError as error:
        code, action = error.response["Error"]["Code"], f"{service}:{error.operation_name}"
        if code in EXPIRED:
            raise
        if any(denied in code for denied in DENIED):
            return Unseen(str(error), action)
        return Unseen(f"AWS refused {action}: {code}.")
    except BotoCoreError as error:
        return Unseen(f"AWS does not answer: {error}.")


def existing(get: Callable[..., T], **which: str) -> T | None:
    """What an operation answers; None if there is no such thing."""
    try:
        return get(**which)
    except ClientError as error:
        if error.response["Error"]["Code"] in NOT_FOUND:
            return None
        raise


def needs(parameters: Mapping[str, str]) -> Needs:
    """What the templates ask of the account."""
    resources = [one for name in templates.children() for one in templates.load(name)["Resources"].values()]

    def of(kind: str) -> list[dict[str, Any]]:
        return [one.get("Properties", {}) for one in resources if one["Type"] == kind]

    mappings = of("AWS::Lambda::EventSourceMapping")
    maxima = [mapping["ScalingConfig"]["MaximumConcurrency"] for mapping in mappings]
    by_queues = sum(int(parameters[one["Ref"]] if isinstance(one, dict) else one) for one in maxima)
    others = len(of("AWS::Lambda::Function")) - len(mappings)
    alarms = len(of("AWS::CloudWatch::Alarm")) + len(of("AWS::CloudWatch::CompositeAlarm"))
    return Needs(by_queues + others, alarms, len(of("AWS::IAM::Role")))


def volume(environment: str) -> Volume:
    """What an environment is expected to send.

    Raises
    ------
    InputError
        ops/preflight/volumes.yaml does not say.
    """
    volumes = yaml.safe_load(VOLUMES.read_text())
    if environment not in volumes:
        raise InputError(
            f"ops/preflight/volumes.yaml does not say what {environment} is expected to send.",
            "Add a line there.",
        )
    return Volume(**volumes[environment])
