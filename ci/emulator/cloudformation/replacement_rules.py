"""Which properties replace their resource when they change, for types on which MiniStack has no rule.

Without a rule a change set calls every change of such a resource a possible replacement.

Source: `createOnlyProperties` of each type's schema, which the reference tells as "Update requires"
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from ci.emulator.ministack import provisioners

REPLACING = {
    "AWS::Budgets::Budget": ("NotificationsWithSubscribers",),
    "AWS::CloudFormation::Stack": (),
    "AWS::CloudWatch::Alarm": ("AlarmName",),
    "AWS::CloudWatch::CompositeAlarm": ("AlarmName",),
    "AWS::CloudWatch::Dashboard": ("DashboardName",),
    "AWS::IAM::Policy": (),
    "AWS::IAM::Role": ("Path", "RoleName"),
    "AWS::KMS::Alias": ("AliasName",),
    "AWS::KMS::Key": (),
    "AWS::Lambda::EventSourceMapping": ("EventSourceArn",),
    "AWS::Logs::LogGroup": ("LogGroupName",),
    "AWS::Logs::QueryDefinition": (),
    "AWS::SES::ConfigurationSet": ("Name",),
    "AWS::SES::ConfigurationSetEventDestination": ("ConfigurationSetName",),
    "AWS::SNS::Subscription": ("Endpoint", "Protocol", "TopicArn"),
    "AWS::SNS::Topic": ("FifoTopic", "TopicName"),
    "AWS::SNS::TopicPolicy": (),
    "AWS::SQS::Queue": ("FifoQueue", "QueueName"),
    "AWS::SQS::QueuePolicy": (),
    "AWS::Scheduler::Schedule": ("Name",),
    "AWS::Scheduler::ScheduleGroup": ("Name",),
    "AWS::SecretsManager::Secret": ("Name",),
}


def install() -> None:
    """Add the rules that are missing."""
    for resource_type, properties in REPLACING.items():
        provisioners._REPLACING_PROPERTIES.setdefault(resource_type, properties)
