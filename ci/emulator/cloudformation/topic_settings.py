"""``AWS::SNS::Topic``: encryption as the template says; MiniStack's handler drops the key silently.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html
"""

from typing import Any

from ministack.services import sns
from ministack.services.cloudformation import provisioners

_TYPE = "AWS::SNS::Topic"
_KEY = "KmsMasterKeyId"


def install() -> None:
    """Set the key after MiniStack's own create and update."""
    handlers = provisioners._RESOURCE_HANDLERS[_TYPE]
    original_create, original_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        arn, attributes = original_create(logical_id, properties, stack_name)
        _set_key(arn, properties)
        return arn, attributes

    def update(
        physical_id: str,
        old_properties: dict[str, Any],
        new_properties: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
    ) -> Any:
        arn, attributes = original_update(physical_id, old_properties, new_properties, stack_name, logical_id)
        _set_key(arn, new_properties)
        return arn, attributes

    handlers["create"], handlers["update"] = create, update


def _set_key(arn: str, properties: dict[str, Any]) -> None:
    attributes = sns._topics[arn]["attributes"]
    if properties.get(_KEY):
        attributes[_KEY] = properties[_KEY]
    else:
        attributes.pop(_KEY, None)
