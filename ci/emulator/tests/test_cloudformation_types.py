"""Resource types and properties that MiniStack's CloudFormation lacks, deployed as stacks."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ci.emulator.tests.ses_feedback import wait_until
from ci.emulator.tests.stacks import Stack

ACCOUNT = "000000000000"


@pytest.fixture
def stack(clients) -> Stack:
    return Stack(clients)


# --- budgets -------------------------------------------------------------------------------------

BUDGET = """
Parameters:
  AmountUsd: {{Type: Number, Default: 10}}
Resources:
  AlertsTopic: {{Type: AWS::SNS::Topic}}
  Budget:
    Type: AWS::Budgets::Budget
    Properties:
      Budget:
        {name}
        BudgetType: COST
        TimeUnit: MONTHLY
        BudgetLimit: {{Amount: !Ref AmountUsd, Unit: USD}}
        CostFilters: {{TagKeyValue: ["user:service$email"]}}
      NotificationsWithSubscribers:
        - Notification:
            NotificationType: ACTUAL
            ComparisonOperator: GREATER_THAN
            Threshold: {threshold}
            ThresholdType: PERCENTAGE
          Subscribers: [{{SubscriptionType: SNS, Address: !Ref AlertsTopic}}]
      ResourceTags: [{{Key: service, Value: email}}]
Outputs:
  Name: {{Value: !Ref Budget}}
"""


def budget_template(name: str | None = None, threshold: int = 80) -> str:
    return BUDGET.format(name=f"BudgetName: {name}" if name else "", threshold=threshold)


def describe_budget(clients, name: str) -> tuple[str, float]:
    """Return a budget's limit and the threshold of its one notification."""
    budgets = clients("budgets")
    budget = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=name)["Budget"]
    [notification] = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name)[
        "Notifications"
    ]
    return budget["BudgetLimit"]["Amount"], notification["Threshold"]


def test_budget_lives_with_its_stack(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html"""
    created = stack.create(budget_template())["Name"]
    assert describe_budget(clients, created) == ("10", 80.0)

    updated = stack.update(budget_template(), AmountUsd="25")["Name"]
    assert (updated, describe_budget(clients, updated)) == (created, ("25", 80.0))

    stack.delete()
    with pytest.raises(ClientError, match="NotFoundException"):
        describe_budget(clients, created)


def test_budget_is_replaced_when_its_notifications_change(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html"""
    before = stack.create(budget_template())["Name"]

    after = stack.update(budget_template(threshold=90))["Name"]

    assert after != before
    assert describe_budget(clients, after) == ("10", 90.0)
    with pytest.raises(ClientError, match="NotFoundException"):
        describe_budget(clients, before)


def test_update_fails_when_a_named_budget_must_be_replaced(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-budgets-budget.html"""
    name = f"budget-{uuid.uuid4()}"
    stack.create(budget_template(name))

    reason = stack.update_that_fails(budget_template(name, threshold=90))

    assert "already exists" in reason
    assert describe_budget(clients, name) == ("10", 80.0)


# --- alarms --------------------------------------------------------------------------------------

ALARMS = """
Parameters:
  Prefix: {{Type: String}}
  Threshold: {{Type: Number, Default: 5}}
Resources:
  BounceRateAlarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      AlarmName: !Sub "${{Prefix}}-bounce-rate"
      ComparisonOperator: GreaterThanThreshold
      EvaluationPeriods: 3
      DatapointsToAlarm: 2
      Threshold: !Ref Threshold
      TreatMissingData: notBreaching
      Metrics:
        - {{Id: rate, Expression: "{expression}", Label: Bounce rate}}
        - Id: bounces
          ReturnData: false
          MetricStat: &stat
            Metric: {{Namespace: Shop, MetricName: Bounces, Dimensions: [{{Name: service, Value: shop}}]}}
            Period: 300
            Stat: Sum
        - {{Id: sends, ReturnData: false, MetricStat: *stat}}
  PageAlarm:
    Type: AWS::CloudWatch::CompositeAlarm
    Properties:
      AlarmName: !Sub "${{Prefix}}-page"
      AlarmDescription: "{description}"
      AlarmRule: !Sub 'ALARM("${{BounceRateAlarm}}") AND NOT FALSE'
      Tags: [{{Key: service, Value: email}}]
Outputs:
  PageAlarmName: {{Value: !Ref PageAlarm}}
  PageAlarmArn: {{Value: !GetAtt PageAlarm.Arn}}
"""


def alarms_template(expression: str = "100 * bounces / sends", description: str = "Call someone") -> str:
    return ALARMS.format(expression=expression, description=description)


def describe_alarms(clients, prefix: str) -> tuple[list[Any], list[Any]]:
    found = clients("cloudwatch").describe_alarms(
        AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return found["MetricAlarms"], found["CompositeAlarms"]


def test_metric_math_and_composite_alarms_live_with_their_stack(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html"""
    prefix = stack.name
    outputs = stack.create(alarms_template(), Prefix=prefix)

    [metric_alarm], [composite] = describe_alarms(clients, prefix)
    assert [query["Id"] for query in metric_alarm["Metrics"]] == ["rate", "bounces", "sends"]
    assert [query["ReturnData"] for query in metric_alarm["Metrics"]] == [True, False, False]
    assert metric_alarm["Metrics"][1]["MetricStat"]["Period"] == 300
    assert not {"MetricName", "Namespace", "Period", "Statistic", "Dimensions"} & metric_alarm.keys()
    assert composite["AlarmRule"] == f'ALARM("{prefix}-bounce-rate") AND NOT FALSE'
    assert outputs == {"PageAlarmName": composite["AlarmName"], "PageAlarmArn": composite["AlarmArn"]}
    tags = clients("cloudwatch").list_tags_for_resource(ResourceARN=composite["AlarmArn"])["Tags"]
    assert {"Key": "service", "Value": "email"} in tags

    stack.update(alarms_template(description="Write a ticket"), Prefix=prefix, Threshold="7")

    [metric_alarm], [composite] = describe_alarms(clients, prefix)
    assert metric_alarm["Threshold"] == 7
    assert composite["AlarmDescription"] == "Write a ticket"

    stack.delete()
    assert describe_alarms(clients, prefix) == ([], [])


def test_stack_fails_when_an_alarm_has_bad_metric_math(stack):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    template = alarms_template("100 * bounce / sends").replace("Type: String", "Type: String, Default: bad")

    assert "'bounce'" in stack.create_that_fails(template)


# --- tables --------------------------------------------------------------------------------------

TABLE = """
Resources:
  Key: {Type: AWS::KMS::Key, Properties: {KeyPolicy: {}}}
  Ledger:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: NAME
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: order, AttributeType: S}]
      KeySchema: [{AttributeName: order, KeyType: HASH}]
      SETTINGS
Outputs:
  KeyArn: {Value: !GetAtt Key.Arn}
"""
PROTECTED = """TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      SSESpecification: {SSEEnabled: true, SSEType: KMS, KMSMasterKeyId: !GetAtt Key.Arn}"""


def table_template(name: str, settings: str = PROTECTED) -> str:
    return TABLE.replace("NAME", name).replace("SETTINGS", settings)


def describe_table(clients, name: str) -> dict[str, Any]:
    dynamodb = clients("dynamodb")
    backups = dynamodb.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    return {
        "time to live": dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
        "recovery": backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"],
        "encryption": dynamodb.describe_table(TableName=name)["Table"].get("SSEDescription"),
    }


def test_table_has_the_settings_of_its_template(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html"""
    name = f"ledger-{uuid.uuid4()}"
    key_arn = stack.create(table_template(name))["KeyArn"]
    protected = {
        "time to live": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"},
        "recovery": "ENABLED",
        "encryption": {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": key_arn},
    }
    assert describe_table(clients, name) == protected

    stack.update(table_template(name, settings=""))
    bare = describe_table(clients, name)
    assert (bare["time to live"]["TimeToLiveStatus"], bare["recovery"], bare["encryption"]) == (
        "DISABLED",
        "DISABLED",
        None,
    )

    stack.update(table_template(name))
    assert describe_table(clients, name) == protected


def test_update_fails_when_it_changes_the_attribute_of_an_active_time_to_live(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-dynamodb-table-timetolivespecification.html"""
    name = f"ledger-{uuid.uuid4()}"
    stack.create(table_template(name))

    reason = stack.update_that_fails(table_template(name, PROTECTED.replace("expires_at", "deleted_at")))

    assert "expires_at" in reason
    assert describe_table(clients, name)["time to live"]["AttributeName"] == "expires_at"


# --- template URLs -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "{bucket}.s3.us-east-1.amazonaws.com",
        "s3.us-east-1.amazonaws.com/{bucket}",
        "{bucket}.s3.amazonaws.com",
    ],
)
def test_nested_stack_is_found_whichever_form_its_url_has(clients, stack, host):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html"""
    name = f"topic-{uuid.uuid4()}"
    child = stack.url(f"Resources: {{Topic: {{Type: AWS::SNS::Topic, Properties: {{TopicName: {name}}}}}}}")
    url = child.replace(f"{stack.name}.s3.us-east-1.amazonaws.com", host.format(bucket=stack.name))

    stack.create(
        f"Resources: {{Child: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: '{url}'}}}}}}"
    )

    topic_arn = f"arn:aws:sns:us-east-1:{ACCOUNT}:{name}"
    assert clients("sns").get_topic_attributes(TopicArn=topic_arn)["Attributes"]["TopicArn"] == topic_arn


# --- types of properties -------------------------------------------------------------------------

MAPPING = """
Parameters:
  MaximumConcurrency: {Type: Number, Default: 2}
  IsEnabled: {Type: String, Default: "false"}
Resources:
  Queue: {Type: AWS::SQS::Queue}
  Logs: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: NAME, RetentionInDays: !Ref RetentionDays}}
  Function:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.13
      Handler: index.handler
      Role: arn:aws:iam::000000000000:role/any
      Timeout: !Ref MaximumConcurrency
      Code: {ZipFile: "def handler(event, context): return {}"}
  Mapping:
    Type: AWS::Lambda::EventSourceMapping
    Properties:
      FunctionName: !Ref Function
      EventSourceArn: !GetAtt Queue.Arn
      BatchSize: 10
      Enabled: !Ref IsEnabled
      ScalingConfig: {MaximumConcurrency: !Ref MaximumConcurrency}
Outputs:
  MappingId: {Value: !Ref Mapping}
  QueueUrl: {Value: !Ref Queue}
""".replace("!Ref RetentionDays", "'7'")


def test_parameters_have_the_type_of_the_property_that_they_are_for(clients, stack):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html"""
    template = MAPPING.replace("NAME", stack.name)
    mapping_id = stack.create(template)["MappingId"]
    [group] = clients("logs").describe_log_groups(logGroupNamePrefix=stack.name)["logGroups"]
    assert group["retentionInDays"] == 7

    stack.update(template, MaximumConcurrency="3")

    mapping = clients("lambda").get_event_source_mapping(UUID=mapping_id)
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 3}
    assert mapping["State"] == "Disabled"


def test_mapping_with_a_concurrency_from_a_parameter_is_polled(clients, stack):
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""
    queue_url = stack.create(MAPPING.replace("NAME", stack.name), IsEnabled="true")["QueueUrl"]
    clients("sqs").send_message(QueueUrl=queue_url, MessageBody="order")

    def is_empty() -> bool:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = clients("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
        return all(attributes["Attributes"][name] == "0" for name in names)

    wait_until(is_empty)
