"""A topic of a stack is encrypted with the key that its template names."""

from ci.emulator.tests.stacks import Stack

TEMPLATE = """
Parameters:
  Key: {Type: String, Default: ''}
Conditions:
  HasKey: !Not [!Equals [!Ref Key, '']]
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      KmsMasterKeyId: !If [HasKey, !Ref Key, !Ref AWS::NoValue]
Outputs:
  TopicArn: {Value: !Ref Topic}
"""


def key_of(clients, topic_arn):
    return clients("sns").get_topic_attributes(TopicArn=topic_arn)["Attributes"].get("KmsMasterKeyId")


def test_topics_key_is_the_templates_and_changes_with_it(clients):
    stack = Stack(clients)
    topic_arn = stack.create(TEMPLATE, Key="alias/one")["TopicArn"]
    assert key_of(clients, topic_arn) == "alias/one"

    stack.update(TEMPLATE, Key="alias/two")
    assert key_of(clients, topic_arn) == "alias/two"

    stack.update(TEMPLATE, Key="")
    assert key_of(clients, topic_arn) is None
