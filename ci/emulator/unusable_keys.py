"""Gap: what a disabled key, or one that is to be deleted, encrypts cannot be used.

MiniStack checks a key only when KMS itself is called. Here a topic that such a key encrypts refuses messages,
and a queue refuses them, hands none out and feeds no function. The ledger, logs and functions still work.

Sources:
https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ReceiveMessage.html
"""

from collections.abc import Callable
from typing import Any

from ci.emulator.ministack import kms, sns, sqs

_BAD_REQUEST = 400


def install() -> None:
    """Look at the key before messages go into a topic, or into or out of a queue."""
    publish: Callable[[Any], Any] = sns._publish
    collect: Callable[..., list[Any]] = sqs._collect_msgs

    def publish_if_usable(parameters: Any) -> Any:
        topic, _ = sns._get_topic(sns._normalize_arn(sns._p(parameters, "TopicArn")), "sns:Publish")
        state = _unusable_state((topic or {}).get("attributes", {}).get("KmsMasterKeyId"))
        if state:
            code = "KMSDisabled" if state == "Disabled" else "KMSInvalidState"
            return sns._error(code, f"The key of the topic is {state}.", _BAD_REQUEST)
        return publish(parameters)

    def collect_if_usable(queue: dict[str, Any], *limits: Any) -> list[Any]:
        return [] if _unusable_state(queue["attributes"].get("KmsMasterKeyId")) else collect(queue, *limits)

    sns._publish = publish_if_usable
    sqs._collect_msgs = collect_if_usable
    for operation in ("SendMessage", "ReceiveMessage"):
        _check_queue_before(operation)


def _check_queue_before(operation: str) -> None:
    handler = sqs._HANDLERS[operation]

    def handle(request: dict[str, Any], queue_url: str) -> dict[str, Any]:
        queue = sqs._get_q(request.get("QueueUrl", queue_url))
        if state := _unusable_state(queue["attributes"].get("KmsMasterKeyId")):
            code = "KmsDisabled" if state == "Disabled" else "KmsInvalidState"
            raise sqs._Err(code, f"The key of the queue is {state}.", _BAD_REQUEST)
        answer: dict[str, Any] = handler(request, queue_url)
        return answer

    sqs._HANDLERS[operation] = handle


def _unusable_state(key_id: str | None) -> str | None:
    """State of a key that cannot be used; None if it can, or is no key of ours."""
    key = kms._resolve_key(key_id) if key_id else None
    return None if key is None or key["KeyState"] == "Enabled" else str(key["KeyState"])
