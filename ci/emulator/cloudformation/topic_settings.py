"""``AWS::SNS::Topic``: encryption as the template says; MiniStack's handler drops the key silently.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html
"""

from typing import Any

from ci.emulator.cloudformation.provisioning import complete
from ci.emulator.ministack import sns

_TYPE = "AWS::SNS::Topic"
_KEY = "KmsMasterKeyId"


def install() -> None:
    """Set the key after MiniStack's own create and update."""
    complete(_TYPE, _set_key)


def _set_key(arn: str, properties: dict[str, Any]) -> None:
    attributes = sns._topics[arn]["attributes"]
    if properties.get(_KEY):
        attributes[_KEY] = properties[_KEY]
    else:
        attributes.pop(_KEY, None)
