"""``AWS::Logs::QueryDefinition``: MiniStack saves no queries.

Nor can they be run: MiniStack discovers no fields in log lines.

Sources:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-querydefinition.html
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeQueryDefinitions.html
"""

import json
import time
import uuid
from typing import Any

from ci.emulator.ministack import cloudwatch_logs, provisioners, responses

_TYPE = "AWS::Logs::QueryDefinition"
_REQUIRED = ("Name", "QueryString")

# By id.
_definitions = responses.AccountRegionScopedDict()


def install() -> None:
    """Add the resource type (``Ref`` is the definition's id), and answer DescribeQueryDefinitions."""
    provisioners._RESOURCE_HANDLERS[_TYPE] = {"create": _create, "update": _update, "delete": _delete}
    handle_request = cloudwatch_logs.handle_request

    async def handle_request_and_describe(
        method: str, path: str, headers: dict[str, str], body: bytes, query_params: dict[str, Any]
    ) -> Any:
        if headers.get("x-amz-target", "").endswith(".DescribeQueryDefinitions"):
            return _describe(json.loads(body or b"{}"))
        return await handle_request(method, path, headers, body, query_params)

    cloudwatch_logs.handle_request = handle_request_and_describe


def _create(_logical_id: str, properties: dict[str, Any], _stack_name: str) -> tuple[str, dict[str, str]]:
    return _put(str(uuid.uuid4()), properties)


def _update(
    physical_id: str, _old_properties: dict[str, Any], new_properties: dict[str, Any], _stack_name: str
) -> tuple[str, dict[str, str]]:
    return _put(physical_id, new_properties)


def _delete(physical_id: str, _properties: dict[str, Any]) -> None:
    _definitions.pop(physical_id, None)


def _put(identifier: str, properties: dict[str, Any]) -> tuple[str, dict[str, str]]:
    missing = [name for name in _REQUIRED if not properties.get(name)]
    if missing:
        raise ValueError(f"{_TYPE} lacks {' and '.join(missing)}")
    _definitions[identifier] = {
        "queryDefinitionId": identifier,
        "name": properties["Name"],
        "queryString": properties["QueryString"],
        "lastModified": int(time.time() * 1000),
        "logGroupNames": properties.get("LogGroupNames") or [],
    }
    return identifier, {"QueryDefinitionId": identifier}


def _describe(request: dict[str, Any]) -> Any:
    prefix = request.get("queryDefinitionNamePrefix", "")
    found = [each for each in _definitions.values() if each["name"].startswith(prefix)]
    return responses.json_response({"queryDefinitions": sorted(found, key=lambda each: str(each["name"]))})
