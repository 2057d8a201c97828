"""Gap: what SNS does with a notification that a queue refuses.

MiniStack drops it, ignores a subscription's RedrivePolicy, and delivers whatever the queue's policy says
unless ``AUTH=true``. Here, always: a queue that is gone, or whose policy (or key's policy) does not let the
topic send, is a client-side error. SNS does not retry it, but moves the message to the subscription's
dead-letter queue, which must let the topic send, too; without one the message is lost.

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ci.emulator.ministack import responses, sns, sqs
from ci.emulator.resource_policies import lets_service, lets_service_use_key

logger = logging.getLogger(__name__)

_SNS = "sns.amazonaws.com"


@dataclass(frozen=True)
class _Refusal:
    """The answer of SQS to SNS, as the dead-letter queue's message attributes carry it."""

    code: str
    message: str


_QUEUE_IS_GONE = _Refusal(
    "AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist for this wsdl version."
)


def install() -> None:
    """Decide each delivery to a queue by the queue's policy, and redrive what is refused."""
    deliver_to_queue: Callable[..., None] = sns._deliver_to_sqs

    def deliver(
        endpoint: str, envelope: str, raw: bool, raw_message: str, *, topic_arn: str, **details: Any
    ) -> None:
        refusal = _refusal(endpoint, topic_arn)
        if refusal is None:
            deliver_to_queue(endpoint, envelope, raw, raw_message, topic_arn=topic_arn, **details)
            return
        logger.warning("SNS: %s refuses a message of %s: %s", endpoint, topic_arn, refusal.message)
        dead_letter_queue_arn = _dead_letter_queue_arn(topic_arn, endpoint)
        if dead_letter_queue_arn is None:
            return
        lost = _refusal(dead_letter_queue_arn, topic_arn)
        if lost is not None:
            logger.warning("SNS: its dead-letter queue refuses it, too, so it is lost: %s", lost.message)
            return
        body = raw_message if raw else envelope
        published = (details.get("message_attributes") or {}) if raw else {}
        details["message_attributes"] = {**published, **_failure_attributes(refusal)}
        deliver_to_queue(dead_letter_queue_arn, body, True, body, topic_arn=topic_arn, **details)

    sns._deliver_to_sqs = deliver
    sqs.queue_policy_allows = _allows


def _refusal(queue_arn: str, topic_arn: str) -> _Refusal | None:
    """Return why SQS would refuse the topic's message, or None if it takes it."""
    queue = sqs._queue_by_arn(queue_arn)
    if queue is None:
        return _QUEUE_IS_GONE
    if not _allows(queue_arn, _SNS, topic_arn):
        return _Refusal("AccessDenied", f"Access to the resource {queue_arn} is denied.")
    if not lets_service_use_key(queue["attributes"].get("KmsMasterKeyId"), _SNS, topic_arn):
        return _Refusal("KMS.AccessDeniedException", f"{_SNS} may not use the key of {queue_arn}.")
    return None


def _allows(queue_arn: str, service: str, source_arn: str, _source_account: str = "") -> bool:
    """Decide for MiniStack, too, which asks for deliveries from S3 and SNS."""
    queue = sqs._queue_by_arn(queue_arn) or {"attributes": {}}
    policy = queue["attributes"].get("Policy")
    return lets_service(policy, service, "sqs:SendMessage", queue_arn, source_arn)


def _dead_letter_queue_arn(topic_arn: str, endpoint: str) -> str | None:
    """Return the dead-letter queue of the topic's subscription to this queue."""
    subscriptions = (sns._topic_by_arn_any_scope(topic_arn) or {}).get("subscriptions", [])
    for subscription in subscriptions:
        if subscription["protocol"] == "sqs" and subscription["endpoint"] == endpoint:
            policy: dict[str, str] = json.loads(subscription["attributes"].get("RedrivePolicy") or "{}")
            return policy.get("deadLetterTargetArn")
    return None


def _failure_attributes(refusal: _Refusal) -> dict[str, dict[str, str]]:
    values = {"RequestID": responses.new_uuid(), "ErrorCode": refusal.code, "ErrorMessage": refusal.message}
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items()}
