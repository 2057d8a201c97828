"""``AWS::DynamoDB::Table``: time to live, point-in-time recovery and encryption as the template says.

MiniStack has the APIs, but its table handler drops the three properties silently.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html
"""

from typing import Any

from ci.emulator.cloudformation.properties import boolean, refuse_failure
from ci.emulator.cloudformation.provisioning import complete
from ci.emulator.ministack import dynamodb

_TYPE = "AWS::DynamoDB::Table"


def install() -> None:
    """Apply the three properties after MiniStack's own create and update."""
    complete(_TYPE, _apply)


def _apply(table_name: str, properties: dict[str, Any]) -> None:
    _apply_time_to_live(table_name, properties.get("TimeToLiveSpecification"))
    _apply_point_in_time_recovery(table_name, properties.get("PointInTimeRecoverySpecification") or {})
    _apply_encryption(table_name, properties.get("SSESpecification") or {})


def _apply_time_to_live(table_name: str, specification: dict[str, Any] | None) -> None:
    current = dynamodb._ttl_settings.get(table_name, {})
    current_attribute = current.get("AttributeName") if current.get("TimeToLiveStatus") == "ENABLED" else None
    if specification is None:
        specification = {"Enabled": False, "AttributeName": current_attribute}
    wanted = boolean(specification.get("Enabled"), default=False)
    attribute = specification.get("AttributeName") or current_attribute
    if wanted and current_attribute and attribute != current_attribute:
        # "To update this property, you must first disable TTL and then enable TTL with the new attribute
        # name" (aws-properties-dynamodb-table-timetolivespecification).
        raise ValueError(
            f"{_TYPE} {table_name}: time to live is active on the attribute {current_attribute}; "
            f"disable it in one update before enabling {attribute} in another"
        )
    if wanted or current_attribute:
        request = {
            "TableName": table_name,
            "TimeToLiveSpecification": {"Enabled": wanted, "AttributeName": attribute},
        }
        refuse_failure(_TYPE, dynamodb._update_ttl(request))


def _apply_point_in_time_recovery(table_name: str, specification: dict[str, Any]) -> None:
    enabled = boolean(specification.get("PointInTimeRecoveryEnabled"), default=False)
    request = {
        "TableName": table_name,
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": enabled},
    }
    refuse_failure(_TYPE, dynamodb._update_continuous_backups(request))


def _apply_encryption(table_name: str, specification: dict[str, Any]) -> None:
    """Set DescribeTable's ``SSEDescription``: absent while DynamoDB's own key encrypts the table."""
    description = None
    if boolean(specification.get("SSEEnabled"), default=False):
        description = dynamodb._sse_description_from_spec({**specification, "Enabled": True})
    dynamodb._tables[table_name]["SSEDescription"] = description
