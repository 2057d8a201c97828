"""What a key of a table may be: neither empty nor larger than DynamoDB allows.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
"""

import uuid

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def dynamodb(clients):
    return clients("dynamodb")


@pytest.fixture
def table(dynamodb):
    name = f"table-{uuid.uuid4()}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[
            {"AttributeName": "hash", "KeyType": "HASH"},
            {"AttributeName": "range", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": part, "AttributeType": "S"} for part in ("hash", "range")],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def calls(dynamodb, table, key):
    key = {name: {"S": text} for name, text in key.items()}
    return {
        "PutItem": lambda: dynamodb.put_item(TableName=table, Item=key),
        "GetItem": lambda: dynamodb.get_item(TableName=table, Key=key),
        "UpdateItem": lambda: dynamodb.update_item(
            TableName=table,
            Key=key,
            UpdateExpression="SET seen = :seen",
            ConditionExpression="attribute_exists(#hash)",
            ExpressionAttributeNames={"#hash": "hash"},
            ExpressionAttributeValues={":seen": {"N": "1"}},
        ),
        "DeleteItem": lambda: dynamodb.delete_item(TableName=table, Key=key),
    }


@pytest.mark.parametrize("operation", ["PutItem", "GetItem", "UpdateItem", "DeleteItem"])
@pytest.mark.parametrize(
    "key",
    [
        {"hash": "", "range": "r"},
        {"hash": "h", "range": ""},
        {"hash": "h" * 2049, "range": "r"},
        {"hash": "h", "range": "r" * 1025},
        {"hash": "é" * 1025, "range": "r"},
    ],
    ids=["no-hash", "no-range", "long-hash", "long-range", "long-hash-in-bytes"],
)
def test_impossible_key_is_refused(dynamodb, table, operation, key):
    with pytest.raises(ClientError) as refused:
        calls(dynamodb, table, key)[operation]()
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_largest_key_is_taken(dynamodb, table):
    key = {"hash": "h" * 2048, "range": "r" * 1024}
    calls(dynamodb, table, key)["PutItem"]()
    assert "Item" in calls(dynamodb, table, key)["GetItem"]()
