"""Starting and stopping the emulator, and its control API."""

import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from ci.emulator.control import ControlClient, ControlError
from ci.emulator.process import START_TIMEOUT_SECONDS, Emulator, StartError
from ci.emulator.server import PortInUseError, listen
from ci.emulator.tests.conftest import clients_of, zipped
from ci.emulator.tests.ses_feedback import email, wait_until

PROJECT = Path(__file__).parents[3]

SLEEPER = """
import pathlib, time

def handler(event, context):
    pathlib.Path("{asleep}").touch()
    time.sleep(60)
"""


def test_emulator_listens_on_the_loopback_address_alone(running_emulator):
    process = psutil.Process(running_emulator.control.health()["pid"])
    listening = {
        connection.laddr for connection in process.net_connections("inet") if connection.status == "LISTEN"
    }
    assert listening == {("127.0.0.1", running_emulator.port)}


def test_taken_port_is_refused_with_what_to_do_about_it(running_emulator, tmp_path):
    with pytest.raises(PortInUseError, match=rf"Port {running_emulator.port} .* --port"):
        Emulator.start(tmp_path / "emulator.log", port=running_emulator.port)


def test_command_ends_with_the_same_words_when_the_port_is_taken(running_emulator):
    command = [sys.executable, "-m", "ci.emulator", "--port", str(running_emulator.port)]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 3
    assert "choose another port with --port" in ended.stderr


def test_emulator_that_cannot_start_says_why(tmp_path):
    """The end of its log is in the error."""
    (tmp_path / "hypercorn.py").write_text("raise ImportError('hypercorn is broken')")
    with pytest.raises(StartError, match="hypercorn is broken"):
        Emulator.start(tmp_path / "emulator.log", {"PYTHONPATH": str(tmp_path)})


def test_stop_ends_the_process_its_workers_and_calls_that_wait(tmp_path):
    emulator = Emulator.start(tmp_path / "emulator.log")
    functions, asleep = clients_of(emulator)("lambda"), tmp_path / "asleep"
    functions.create_function(**function(SLEEPER.format(asleep=asleep)))
    functions.invoke(FunctionName="function", InvocationType="Event")
    wait_until(asleep.exists)
    process = psutil.Process(emulator.control.health()["pid"])
    workers = process.children(recursive=True)
    emulator.control.set_faults([{"name": "hang", "operation": "sqs:*", "effect": "no_answer"}])
    with socket.create_connection(("127.0.0.1", emulator.port)) as waiting:
        waiting.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
            b"X-Amz-Target: AmazonSQS.ListQueues\r\n"
            b"Authorization: AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/sqs/aws4_request\r\n\r\n{}"
        )
        wait_until(lambda: emulator.control.faults()[0]["hits"] == 1)
        emulator.stop()
    assert not process.is_running()
    wait_until(lambda: not any(worker.is_running() for worker in workers))
    emulator.stop()


def function(code):
    """CreateFunction's arguments."""
    return {
        "FunctionName": "function",
        "Runtime": "python3.13",
        "Role": "arn:aws:iam::000000000000:role/function",
        "Handler": "function.handler",
        "Code": {"ZipFile": zipped("function.py", code)},
        "Timeout": 90,
    }


def test_emulator_started_by_another_command_is_stopped_by_its_process_id(tmp_path):
    with (tmp_path / "log").open("w") as log, listen(0) as sock:
        command = [sys.executable, "-m", "ci.emulator", "--socket", str(sock.fileno())]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=log, stderr=log, pass_fds=[sock.fileno()])
        served = Emulator(sock.getsockname()[1])
    try:
        health = ControlClient(served.endpoint_url, START_TIMEOUT_SECONDS).health()
    finally:
        process.terminate()
    assert health == {"status": "ok", "pid": process.pid}
    assert process.wait(timeout=20) == 0


def test_emulator_in_the_background_outlives_the_command_that_started_it(tmp_path):
    log = tmp_path / "emulator.log"
    done = background("--port", "0", "--log", str(log))
    assert done.returncode == 0, done.stderr
    ready = json.loads(done.stdout)
    served = psutil.Process(ready["pid"])
    assert Emulator(ready["port"]).control.health()["pid"] == served.pid
    served.terminate()
    served.wait(timeout=20)


def test_background_start_ends_with_3_when_the_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = background("--port", port)
    assert done.returncode == 3
    assert f"Port {port}" in done.stderr
    assert done.stdout == ""


def background(*options):
    command = [sys.executable, "-m", "ci.emulator", "--background", *options]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_functions_know_no_aws_but_the_emulator(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://elsewhere.example")
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "https://elsewhere.example")
    code = (
        "import os\n"
        "def handler(event, context):\n"
        "    return {name: value for name, value in os.environ.items() if name.startswith('AWS_')}\n"
    )
    emulator = Emulator.start(tmp_path / "emulator.log")
    monkeypatch.undo()
    with emulator:
        functions = clients_of(emulator)("lambda")
        functions.create_function(**function(code))
        answer = json.load(functions.invoke(FunctionName="function")["Payload"])
    assert answer["AWS_ENDPOINT_URL"] == emulator.endpoint_url
    assert {"AWS_PROFILE", "AWS_ENDPOINT_URL_SQS"}.isdisjoint(answer)
    assert answer["AWS_SESSION_TOKEN"]


def test_client_talks_to_loopback_only():
    with pytest.raises(ValueError, match=r"only ever on 127\.0\.0\.1"):
        ControlClient("https://email.us-east-1.amazonaws.com")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda control: control.set_ses(colour="red"), "No SES setting is called colour"),
        (lambda control: control.set_ses(outcomes={"*": [{"type": "Permanent"}]}), "An outcome has event"),
        (lambda control: control.set_faults([{"name": "f"}]), "A fault needs effect, operation"),
        (lambda control: control.switch_fault("missing", enabled=True), "No fault is called missing"),
    ],
)
def test_wrong_control_call_is_refused_with_the_reason(emulator, call, message):
    with pytest.raises(ControlError, match=message):
        call(emulator.control)


def test_unknown_control_path_is_refused(emulator):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{emulator.endpoint_url}/_emulator/nonsense")  # noqa: S310 - loopback
    assert "There is no GET /_emulator/nonsense" in json.load(caught.value)["error"]


def test_fault_is_switched_off_and_on_by_name(emulator, ses):
    fault = {
        "name": "no account today",
        "operation": "ses:GetAccount",
        "effect": "error",
        "code": "X",
        "status": 400,
    }
    emulator.control.set_faults([fault])
    emulator.control.switch_fault("no account today", enabled=False)
    assert ses.get_account()["SendingEnabled"]
    assert emulator.control.faults() == [{**fault, "enabled": False, "seen": 0, "hits": 0}]


def test_reset_forgets_everything_that_ses_remembers(emulator, ses):
    emulator.control.set_ses(sandbox=True, events_held=True)
    ses.put_suppressed_destination(EmailAddress="ada@example.com", Reason="BOUNCE")
    ses.send_email(**email("success@simulator.amazonses.com"))
    emulator.control.reset_ses()
    assert emulator.control.accepted() == []
    assert emulator.control.ses()["sandbox"] is False
    assert ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []
    assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 0


def test_emulator_ends_when_the_process_that_started_it_is_killed(tmp_path):
    """Nothing may go on running on a developer's machine after a test run was stopped."""
    program = (
        "import pathlib, time; from ci.emulator.process import Emulator;"
        f"emulator = Emulator.start(pathlib.Path({str(tmp_path / 'log')!r}));"
        "print(emulator.process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        emulator = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    emulator.wait(timeout=60)
