"""One call to SES is one request, however it ends: a real client against a server that misbehaves."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.config import Config
from botocore.session import get_session

from notifications.clients import Clients
from notifications.failures import Certainty, Failure
from notifications.keys import NotificationKey
from notifications.mailer import Sent, SesMailer
from notifications.rendering import RenderedEmail

KEY = NotificationKey("0f" * 16, "order_confirmation")
EMAIL = RenderedEmail("Your order A-1", "<p>Hello</p>", "Hello", "Café Ünïcode, Inc.", "support@example.com")
TIMEOUT_SECONDS = 6
"""Of the function; a call to SES gets a sixth of it."""


class Ses(ThreadingHTTPServer):
    """Keeps the requests that arrived whole, then behaves as it is told."""

    behaviour = "accept"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict[str, Any]] = []
        self.connections: set[Any] = set()
        self.released = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Ses

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append(json.loads(body))
        self.server.connections.add(self.client_address)
        match self.server.behaviour:
            case "no answer":
                self.server.released.wait(60)
                self.close_connection = True
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            case "broken answer":
                self.answer(200, b"<html>")
            case "accept":
                self.answer(200, b'{"MessageId": "message-1"}')
            case error:
                status, code = error.split()
                self.answer(int(status), json.dumps({"message": "m"}).encode(), code)

    def answer(self, status: int, body: bytes, code: str | None = None) -> None:
        self.send_response(status)
        if code:
            self.send_header("x-amzn-errortype", code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def ses() -> Iterator[Ses]:
    server = Ses()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def mailer(ses: Ses, monkeypatch: pytest.MonkeyPatch) -> SesMailer:
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ses.server_port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    return SesMailer(Clients(TIMEOUT_SECONDS).ses(), "orders@example.com", "configuration-set")


def send(mailer: SesMailer) -> Sent | Failure:
    return mailer.send(EMAIL, "ada@example.com", KEY, attempt=2, correlation_id="checkout-4711")


def test_accepted_email_carries_tags_that_lead_its_events_back(ses: Ses, mailer: SesMailer) -> None:
    assert send(mailer) == Sent("message-1")
    [request] = ses.requests
    assert {tag["Name"]: tag["Value"] for tag in request["EmailTags"]} == {
        "order_key": KEY.order_key,
        "notification": "order_confirmation",
        "attempt": "2",
        "correlation_id": "checkout-4711",
    }
    assert request["ConfigurationSetName"] == "configuration-set"
    assert request["Destination"] == {"ToAddresses": ["ada@example.com"]}


def test_display_name_of_the_sender_is_encoded(ses: Ses, mailer: SesMailer) -> None:
    send(mailer)
    sender = ses.requests[0]["FromEmailAddress"]
    assert sender.isascii()
    assert sender.endswith("<orders@example.com>")


@pytest.mark.parametrize(
    ("behaviour", "certainty"),
    [
        ("no answer", Certainty.UNANSWERED),
        ("reset", Certainty.UNANSWERED),
        ("broken answer", Certainty.UNANSWERED),
        ("500 InternalFailure", Certainty.ANSWERED),
        ("503 ServiceUnavailable", Certainty.ANSWERED),
        ("429 TooManyRequestsException", Certainty.LATER),
        ("400 MailFromDomainNotVerifiedException", Certainty.CONFIGURATION),
    ],
)
def test_email_is_handed_over_once_however_the_call_ends(
    ses: Ses, mailer: SesMailer, behaviour: str, certainty: Certainty
) -> None:
    ses.behaviour = behaviour
    answer = send(mailer)
    assert isinstance(answer, Failure)
    assert answer.certainty is certainty
    assert len(ses.requests) == 1


def test_unreachable_service_is_a_clear_no(mailer: SesMailer, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free.getsockname()[1]}")
        nowhere = SesMailer(Clients(TIMEOUT_SECONDS).ses(), "orders@example.com", "configuration-set")
        answer = send(nowhere)
    assert isinstance(answer, Failure)
    assert answer.certainty is Certainty.LATER


def test_client_that_would_retry_is_refused() -> None:
    client: Any = get_session().create_client(
        "sesv2", "us-east-1", config=Config(retries={"total_max_attempts": 3})
    )
    with pytest.raises(ValueError, match="total_max_attempts"):
        SesMailer(client, "orders@example.com", "configuration-set")


def test_connection_is_kept_between_emails_and_dropped_when_it_was_idle(
    ses: Ses, mailer: SesMailer, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("notifications.mailer.time.monotonic", lambda: now)
    mailer.drop_idle_connections()
    send(mailer)
    now += 5
    mailer.drop_idle_connections()
    send(mailer)
    assert len(ses.connections) == 1
    now += 21
    mailer.drop_idle_connections()
    assert send(mailer) == Sent("message-1")
    assert len(ses.connections) == 2
