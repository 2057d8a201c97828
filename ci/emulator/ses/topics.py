"""Whether SES may publish to a topic: by the topic's policy and, if it is encrypted, by its key's.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
"""

from __future__ import annotations

from ci.emulator.ministack import kms, sns
from ci.emulator.resource_policies import lets_service

SERVICE = "ses.amazonaws.com"
KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")


def obstacle(topic_arn: str, source_arn: str) -> str | None:
    """Return what keeps SES from publishing to a topic, or None.

    Parameters
    ----------
    topic_arn
        The event destination's topic, of the account and region that the scope is set to.
    source_arn
        The configuration set that SES publishes for.
    """
    topic = sns._topic_by_arn_any_scope(topic_arn)
    if topic is None:
        return "the topic does not exist"
    attributes = topic["attributes"]
    if not lets_service(attributes.get("Policy"), SERVICE, "sns:Publish", topic_arn, source_arn):
        return "the topic's policy does not let ses.amazonaws.com publish for this configuration set"
    key_id = attributes.get("KmsMasterKeyId")
    if not key_id:
        return None
    # A key that AWS manages (alias/aws/sns) has a policy that nobody can change, and that leaves SES out.
    key = kms._resolve_key(key_id) or {}
    for action in KEY_ACTIONS:
        if not lets_service(key.get("Policy"), SERVICE, action, key.get("Arn", ""), source_arn):
            return f"the policy of the topic's key does not let ses.amazonaws.com use {action}"
    return None
