"""A table as it was at a moment.

Every test is of https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/PointInTimeRecovery.html.
"""

import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError


@pytest.fixture
def dynamodb(clients):
    return clients("dynamodb")


@pytest.fixture
def table(dynamodb):
    """Name of a table with recovery enabled, with one index."""
    name = f"table-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "id", "AttributeType": "S"},
            {"AttributeName": "owner", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_owner",
                "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    enable(dynamodb, name, True)
    return name


def enable(dynamodb, name, enabled):
    dynamodb.update_continuous_backups(
        TableName=name, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": enabled}
    )


def put(dynamodb, table, id_, value):
    dynamodb.put_item(TableName=table, Item={"id": {"S": id_}, "value": {"S": value}})


def this_second():
    """The present second, once it is over: times to restore to are whole seconds."""
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)
    while datetime.now(UTC) <= moment:
        time.sleep(0.02)
    return moment


def restore(dynamodb, table, moment, **more):
    target = f"{table}-{uuid.uuid4().hex[:8]}"
    dynamodb.restore_table_to_point_in_time(
        SourceTableName=table, TargetTableName=target, RestoreDateTime=moment, **more
    )
    dynamodb.get_waiter("table_exists").wait(TableName=target, WaiterConfig={"Delay": 1})
    return target


def values(dynamodb, table):
    items = dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    return {item["id"]["S"]: item["value"]["S"] for item in items}


def test_table_is_restored_as_it_was_whatever_was_written_since(dynamodb, table):
    for id_ in ("changed", "deleted", "replaced in a transaction"):
        put(dynamodb, table, id_, "old")
    moment = this_second()
    dynamodb.update_item(
        TableName=table,
        Key={"id": {"S": "changed"}},
        UpdateExpression="SET #value = :new",
        ExpressionAttributeNames={"#value": "value"},
        ExpressionAttributeValues={":new": {"S": "new"}},
    )
    dynamodb.delete_item(TableName=table, Key={"id": {"S": "deleted"}})
    replaced = {"id": {"S": "replaced in a transaction"}, "value": {"S": "new"}}
    dynamodb.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": replaced}}])
    put(dynamodb, table, "added", "new")

    restored = restore(dynamodb, table, moment)

    assert values(dynamodb, restored) == {
        "changed": "old",
        "deleted": "old",
        "replaced in a transaction": "old",
    }
    assert values(dynamodb, table)["changed"] == "new"


def test_what_was_there_when_recovery_was_enabled_is_restored_too(dynamodb, table):
    enable(dynamodb, table, False)
    put(dynamodb, table, "before", "old")
    enable(dynamodb, table, True)
    moment = this_second()
    put(dynamodb, table, "before", "new")
    assert values(dynamodb, restore(dynamodb, table, moment)) == {"before": "old"}


def test_indexes_are_restored_unless_they_are_left_out(dynamodb, table):
    moment = this_second()

    def indexes(restored):
        return dynamodb.describe_table(TableName=restored)["Table"].get("GlobalSecondaryIndexes", [])

    assert [index["IndexName"] for index in indexes(restore(dynamodb, table, moment))] == ["by_owner"]
    assert indexes(restore(dynamodb, table, moment, GlobalSecondaryIndexOverride=[])) == []


@pytest.mark.parametrize("away", [timedelta(hours=-1), timedelta(hours=1)])
def test_time_outside_of_the_window_is_refused(dynamodb, table, away):
    with pytest.raises(ClientError, match="InvalidRestoreTimeException"):
        restore(dynamodb, table, datetime.now(UTC) + away)
    described = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    window = described["PointInTimeRecoveryDescription"]
    assert window["EarliestRestorableDateTime"] <= window["LatestRestorableDateTime"] + timedelta(seconds=1)


def test_table_without_recovery_is_refused(dynamodb, table):
    enable(dynamodb, table, False)
    with pytest.raises(ClientError, match="PointInTimeRecoveryUnavailableException"):
        restore(dynamodb, table, datetime.now(UTC))
