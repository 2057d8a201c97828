"""How a function's code gets to its workers."""

import json
import uuid

from ci.emulator.tests.conftest import zipped

CODE = """
import os
def handler(event, context):
    here = os.path.dirname(os.path.realpath(__file__))
    if event == "die":
        os._exit(1)
    return [here, os.getpid()]
"""


def test_workers_of_a_function_share_its_unpacked_code(emulator, clients):
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html"""
    client, name = clients("lambda"), f"function-{uuid.uuid4().hex[:8]}"
    client.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/any",
        Handler="index.handler",
        Code={"ZipFile": zipped("index.py", CODE)},
    )

    def invoke(event):
        return json.loads(client.invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read())

    folder, process = invoke("where")
    invoke("die")
    again, other_process = invoke("where")
    assert again == folder
    assert other_process != process
