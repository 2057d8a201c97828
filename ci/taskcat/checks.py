"""What is looked at while the stacks stand. Each check returns what it has seen, or says what is wrong."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ci.taskcat.deployment import Stack
from ci.taskcat.region import CheckFailedError, Region
from ci.taskcat.results import Check
from notifications.keys import order_key
from ops import ledger_view
from ops.deploying.stacks import find_stack
from ops.orders import Order

Look = Callable[[Region, Sequence[Region]], str]
"""A check of one region, given the other ones."""

ARN = re.compile(r"arn:aws[a-z-]*:(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):[0-9]{12}:\S+")
GLOBAL_SERVICES = ("iam",)
"""Whose ARNs name no region: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html"""

DEAD_LETTERS = "SendDeadLetterQueueUrl"
EMPTY_IN_THE_END = (
    "SendQueueUrl",
    "OrderEventsUndeliveredQueueUrl",
    "FeedbackQueueUrl",
    "FeedbackDeadLetterQueueUrl",
    "FeedbackUndeliveredQueueUrl",
)


def look_at(regions: Sequence[Region]) -> Iterator[tuple[str, Check]]:
    """Do all checks that fit the stacks, and yield each with its region.

    Where orders can be published, those of all regions are under way at the same time.
    """
    yield from _perform(OF_ANY_STACK, regions)
    if all("OrderEventsTopicArn" in region.outputs for region in regions):
        yield from _perform(OF_FUNCTIONS, regions)
        begin = time.monotonic()
        published = list(_perform(PUBLISHING, regions))
        yield from published
        if all(check.passed for _, check in published):
            yield from _perform(OF_MAIL, regions, begin)


def created(stack: Stack) -> Check:
    """Whether a stack could be created, and why not."""
    return Check("created", stack.is_complete, stack.reason or stack.status, stack.seconds)


def stacks_are_gone(region: Region) -> str:
    """Neither the test's stack nor one that was nested in it is there any more."""
    for stack_id in region.stack_ids:
        stack = find_stack(region.client("cloudformation"), stack_id)
        if stack and stack["StackStatus"] != "DELETE_COMPLETE":
            raise CheckFailedError(f"{stack['StackName']} is {stack['StackStatus']}.")
    nested = len(region.stack_ids) - 1
    return f"gone, with {nested} nested stacks" if nested else "gone"


def outputs_name_region(region: Region, others: Sequence[Region]) -> str:
    """Every ARN in an output, nested stacks' included, names the region that it is in."""
    wrong = arns_elsewhere(dict(region.all_outputs), region.name)
    if wrong:
        raise CheckFailedError(
            f"Not in {region.name}: {', '.join(f'{n} {arn}' for n, arn in wrong.items())}."
        )
    dashboard = region.outputs.get("DashboardName", region.name)
    if region.name not in dashboard:
        raise CheckFailedError(f"Dashboards are global, and {dashboard} does not name its region.")
    arns = sum(bool(ARN.fullmatch(value)) for _, value in region.all_outputs)
    return f"{arns} ARNs in {len(region.all_outputs)} outputs"


def arns_elsewhere(outputs: Mapping[str, str], region: str) -> dict[str, str]:
    """Pick the outputs that are ARNs of another region."""
    found = {name: ARN.fullmatch(value) for name, value in outputs.items()}
    return {
        name: arn[0]
        for name, arn in found.items()
        if arn and arn["region"] != ("" if arn["service"] in GLOBAL_SERVICES else region)
    }


def shares_no_role(region: Region, others: Sequence[Region]) -> str:
    """IAM is global: no two regions' stacks have made the same role."""
    own = _roles(region)
    if shared := own & {arn for other in others for arn in _roles(other)}:
        raise CheckFailedError(f"Another region's stack has the role, too: {', '.join(sorted(shared))}.")
    return f"{len(own)} roles of its own"


def _roles(region: Region) -> set[str]:
    return {value for _, value in region.all_outputs if ":role/" in value}


def code_is_from_here(region: Region, others: Sequence[Region]) -> str:
    """The functions run the zip that is in a bucket in their own region."""
    bucket, key = region.parameter("ArtifactBucket"), region.parameter("ArtifactPrefix") + "functions.zip"
    s3 = region.client("s3")
    # us-east-1 is told by no name: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketLocation.html
    location = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] or "us-east-1"
    if location != region.name:
        raise CheckFailedError(f"Bucket {bucket} is in {location}.")
    digest = hashlib.sha256(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).digest()
    functions = [value for name, value in region.outputs.items() if name.endswith("FunctionName")]
    client = region.client("lambda")
    for name in functions:
        if (
            client.get_function_configuration(FunctionName=name)["CodeSha256"]
            != base64.b64encode(digest).decode()
        ):
            raise CheckFailedError(f"{name} runs other code than s3://{bucket}/{key}.")
    return f"{len(functions)} functions, zip from {bucket}"


def orders_are_published(region: Region, others: Sequence[Region]) -> str:
    """The region's topic takes its orders."""
    return f"{region.publish_orders()} events"


def order_is_delivered(region: Region, others: Sequence[Region]) -> str:
    """An order becomes one email, which is delivered."""
    return _ends_as_expected(region, region.orders.delivered)


def bounce_is_recorded(region: Region, others: Sequence[Region]) -> str:
    """An email that bounces is known to have bounced."""
    return _ends_as_expected(region, region.orders.bounced)


def repeated_order_is_sent_once(region: Region, others: Sequence[Region]) -> str:
    """An order that is published twice becomes one email."""
    return _ends_as_expected(region, region.orders.repeated)


def malformed_order_is_refused(region: Region, others: Sequence[Region]) -> str:
    """An order without items gets no email, and ends in the dead-letter queue with the reason."""
    order = region.orders.malformed
    reason = region.wait_for(f"the dead letter of {order.order_id}", lambda: region.refusal(order))
    if not (reason.get("error_field") and reason.get("error_reason")):
        raise CheckFailedError(f"Its dead letter does not tell why: {reason}.")
    return f"{reason['error_field']}: {reason['error_reason']}"


def nothing_is_elsewhere(region: Region, others: Sequence[Region]) -> str:
    """Ledger, queues and mails of a region hold its own orders, once each, and nothing else."""
    for queue in EMPTY_IN_THE_END:
        region.wait_for(f"{queue} to be empty", partial(region.is_empty, queue))
    own = sorted(order_key(order.order_id) for order in region.orders.sent)
    if (known := sorted(region.order_keys())) != own:
        raise CheckFailedError(f"Its ledger has {len(known)} orders, which are not its own {len(own)}.")
    dead = region.depth(DEAD_LETTERS)
    if dead != 1 or region.refusal(region.orders.malformed) is None:
        raise CheckFailedError(f"Its dead-letter queue has {dead} messages, not its own one.")
    seen = f"ledger {len(known)} of {len(own)}, dead letters 1 of 1"
    mails = region.mails()
    if mails is None:
        return seen
    if sorted(mail["tags"]["order_key"] for mail in mails) != own:
        raise CheckFailedError(f"SES has accepted {len(mails)} mails here, not one for each of its orders.")
    return f"{seen}, mails {len(mails)} of {len(own)}"


def _ends_as_expected(region: Region, order: Order) -> str:
    """The email has the expected status, and one Send event: SES has one for each message it accepts."""

    def look() -> dict[str, Any] | None:
        record = region.record(order)
        return record if record and record["status"] == order.expected else None

    try:
        record = region.wait_for(f"{order.order_id} to be {order.expected}", look)
    except CheckFailedError as error:
        found = region.record(order)
        state = f"It is {found['status']}: {ledger_view.meaning(found)}" if found else "It has no record."
        raise CheckFailedError(f"{error} {state}") from None
    sent = sum(event["event"] == "Send" for event in ledger_view.history(record))
    if sent != 1:
        raise CheckFailedError(f"SES has accepted it {sent} times.")
    published = f"published {order.copies} times, " if order.copies > 1 else ""
    return f"{published}sent once, {order.expected}"


OF_ANY_STACK: dict[str, Look] = {
    "outputs name their region": outputs_name_region,
    "roles are its own": shares_no_role,
}
OF_FUNCTIONS: dict[str, Look] = {"code from its own bucket": code_is_from_here}
PUBLISHING: dict[str, Look] = {"orders published": orders_are_published}
OF_MAIL: dict[str, Look] = {
    "order delivered": order_is_delivered,
    "bounce recorded": bounce_is_recorded,
    "repeated order sent once": repeated_order_is_sent_once,
    "malformed order refused": malformed_order_is_refused,
    "nothing of other regions": nothing_is_elsewhere,
}


def _perform(
    looks: Mapping[str, Look], regions: Sequence[Region], begin: float | None = None
) -> Iterator[tuple[str, Check]]:
    for name, look in looks.items():
        for region in regions:
            others = [other for other in regions if other is not region]
            yield region.name, perform(name, partial(look, region, others), begin)


def perform(name: str, look: Callable[[], str], begin: float | None = None) -> Check:
    """Do one check.

    Parameters
    ----------
    begin
        When what is looked for was started (`time.monotonic`); None: now.
    """
    begin = time.monotonic() if begin is None else begin
    try:
        passed, detail = True, look()
    except (CheckFailedError, ClientError, BotoCoreError) as error:
        passed, detail = False, str(error)
    return Check(name, passed, detail, time.monotonic() - begin)
