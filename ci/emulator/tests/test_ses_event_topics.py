"""Topics that SES may not publish to: their events are lost.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
"""

import json
import uuid

import pytest

from ci.emulator.tests.ses_feedback import email, types_of, wait_until

ACCOUNT = "000000000000"
SES = {"Service": "ses.amazonaws.com"}


def allow(principal, actions, resource="*", condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, "Resource": resource}
    if condition:
        statement["Condition"] = {"StringEquals": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def configuration_set_arn(name):
    return f"arn:aws:ses:us-east-1:{ACCOUNT}:configuration-set/{name}"


@pytest.fixture
def set_attribute(clients, feedback):
    def change(name, value):
        clients("sns").set_topic_attributes(
            TopicArn=feedback.topic_arn, AttributeName=name, AttributeValue=value
        )

    return change


@pytest.fixture
def events_come(emulator, clients, ses, feedback):
    """Sends a message; tells whether its events arrive."""

    def send():
        ses.send_email(**email(ConfigurationSetName=feedback.configuration_set))
        wait_until(lambda: emulator.control.ses()["events_waiting"] == 0)
        queue = clients("sqs").get_queue_attributes(
            QueueUrl=feedback.queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        arrived = queue["Attributes"]["ApproximateNumberOfMessages"] != "0"
        if arrived:
            assert types_of(feedback.events(2)) == ["Send", "Delivery"]
        return arrived

    return send


def test_topic_with_its_first_policy_lets_ses_publish_within_the_account(events_come):
    assert events_come()


def test_topic_policy_that_names_ses_and_the_configuration_set_lets_it_publish(
    feedback, set_attribute, events_come
):
    source = {
        "AWS:SourceAccount": ACCOUNT,
        "AWS:SourceArn": configuration_set_arn(feedback.configuration_set),
    }
    set_attribute("Policy", allow(SES, "sns:Publish", feedback.topic_arn, source))
    assert events_come()


@pytest.mark.parametrize(
    ("principal", "source"),
    [
        ({"Service": "s3.amazonaws.com"}, None),
        (SES, {"AWS:SourceAccount": "111111111111"}),
        (SES, {"AWS:SourceArn": configuration_set_arn("another")}),
    ],
)
def test_events_are_lost_when_the_topic_policy_leaves_ses_out(
    feedback, set_attribute, events_come, principal, source
):
    set_attribute("Policy", allow(principal, "sns:Publish", feedback.topic_arn, source))
    assert not events_come()


@pytest.mark.parametrize(
    ("actions", "come"),
    [
        (["kms:GenerateDataKey*", "kms:Decrypt"], True),
        (["kms:GenerateDataKey*"], False),
        (["kms:Decrypt"], False),
    ],
)
def test_events_of_an_encrypted_topic_need_both_rights_to_its_key(
    clients, set_attribute, events_come, actions, come
):
    alias = f"alias/feedback-{uuid.uuid4().hex[:8]}"
    key_id = clients("kms").create_key(Policy=allow(SES, actions))["KeyMetadata"]["KeyId"]
    clients("kms").create_alias(AliasName=alias, TargetKeyId=key_id)
    set_attribute("KmsMasterKeyId", alias)
    assert events_come() is come


def test_events_are_lost_when_the_topic_is_encrypted_with_the_key_that_aws_manages(
    set_attribute, events_come
):
    set_attribute("KmsMasterKeyId", "alias/aws/sns")
    assert not events_come()


def test_message_is_accepted_although_its_topic_is_gone(emulator, clients, feedback, events_come):
    clients("sns").delete_topic(TopicArn=feedback.topic_arn)
    assert not events_come()
    assert len(emulator.control.accepted()) == 1


def test_events_are_lost_while_the_event_destination_is_disabled_and_come_again_when_it_is_enabled(
    clients, ses, feedback, events_come
):
    def switch(*, enabled):
        name = feedback.configuration_set
        [destination] = ses.get_configuration_set_event_destinations(ConfigurationSetName=name)[
            "EventDestinations"
        ]
        ses.update_configuration_set_event_destination(
            ConfigurationSetName=name,
            EventDestinationName=destination.pop("Name"),
            EventDestination=destination | {"Enabled": enabled},
        )

    switch(enabled=False)
    assert not events_come()
    switch(enabled=True)
    assert events_come()


def test_events_are_lost_while_the_topic_policy_is_another_and_come_again_when_it_is_back(
    clients, feedback, set_attribute, events_come
):
    policy = clients("sns").get_topic_attributes(TopicArn=feedback.topic_arn)["Attributes"]["Policy"]
    set_attribute("Policy", allow({"Service": "s3.amazonaws.com"}, "sns:Publish", feedback.topic_arn))
    assert not events_come()
    set_attribute("Policy", policy)
    assert events_come()
