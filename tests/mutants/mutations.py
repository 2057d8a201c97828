"""The mutations. Each changes a piece of source that occurs once; change it here along with the code."""

from __future__ import annotations

from tests.mutants.trial import Mutation

LEDGER = "notifications/ledger.py"
FEEDBACK_PATH = "notifications/feedback_path.py"
LEDGER_TABLE = "notifications/ledger_table.py"
QUEUES = "notifications/queues.py"
SENDING = "notifications/sending.py"
TRACKING = "notifications/tracking.py"
SES_EVENTS = "notifications/ses_events.py"
KEYS = "notifications/keys.py"
SEND_EMAIL = "notifications/applications/send_email.py"
TRACK_DELIVERY = "notifications/applications/track_delivery.py"
CHECK_LEDGER = "notifications/applications/check_ledger.py"
GUARD_REPUTATION = "notifications/applications/guard_reputation.py"

TESTS = {
    LEDGER: ("tests/unit/test_ledger.py",),
    FEEDBACK_PATH: ("tests/unit/test_feedback_path.py",),
    LEDGER_TABLE: ("tests/functional/test_ledger_table.py",),
    QUEUES: ("tests/unit/test_queues.py",),
    SENDING: ("tests/unit/test_sending.py",),
    SES_EVENTS: ("tests/unit/test_event_records.py",),
    KEYS: ("tests/unit/test_event_records.py",),
    TRACKING: (
        "tests/unit/test_tracked_measures.py",
        "tests/unit/test_tracking.py",
        "tests/functional/test_track_delivery.py",
    ),
    SEND_EMAIL: ("tests/functional/test_send_email.py",),
    TRACK_DELIVERY: ("tests/functional/test_track_delivery.py",),
    CHECK_LEDGER: ("tests/functional/test_check_ledger.py",),
    GUARD_REPUTATION: ("tests/unit/test_guard_reputation.py",),
}
"""The fast tests that must notice a bug in a module."""

MUTATIONS = [
    # --- the rules ------------------------------------------------------------------------------------
    Mutation(
        "settle window ignored",
        LEDGER,
        "        if self.now_ms <= settled_ms:\n            return InFlight(settled_ms)\n        if self.feedback",
        "        if self.feedback",
    ),
    Mutation(
        "feedback path not looked at before a takeover",
        LEDGER,
        "if self.feedback is None or not self.feedback.was_alive_after(",
        "if self.feedback is not None and not self.feedback.was_alive_after(",
    ),
    Mutation("own claim not recognised", LEDGER, "if record.token == self.token:", "if not self.token:"),
    Mutation(
        "takeover guard reduced to the status",
        LEDGER,
        "never_made = Guard(statuses=frozenset({Status.SENDING}), attempt=record.attempt, token=record.token)",
        "never_made = Guard(statuses=frozenset({Status.SENDING}))",
    ),
    Mutation(
        "released attempt claimed whatever its number is by then",
        LEDGER,
        "Guard(statuses=frozenset({Status.READY}), attempt=record.attempt), record.attempt + 1",
        "Guard(statuses=frozenset({Status.READY})), record.attempt + 1",
    ),
    Mutation(
        "takeover keeps the attempt's number",
        LEDGER,
        "return self._write(never_made, record.attempt + 1, resend=True)",
        "return self._write(never_made, record.attempt, resend=True)",
    ),
    Mutation("resend not counted", LEDGER, '{"resends": 1} if resend else {}', "{}"),
    Mutation(
        "other content of the same order not noticed",
        LEDGER,
        "same_content = record.fingerprint == self.fingerprint",
        "same_content = True",
    ),
    Mutation(
        "result overwrites anything",
        LEDGER,
        "mine = Guard(statuses=frozenset({Status.SENDING}), attempt=self.attempt, token=self.token)",
        "mine = Guard()",
    ),
    Mutation(
        "result of another worker's attempt accepted",
        LEDGER,
        "mine = Guard(statuses=frozenset({Status.SENDING}), attempt=self.attempt, token=self.token)",
        "mine = Guard(statuses=frozenset({Status.SENDING}), attempt=self.attempt)",
    ),
    Mutation(
        "result that is there already taken for superseded",
        LEDGER,
        "return Recorded(self.status) if record and self._is_there(record) else Superseded()",
        "return Superseded()",
    ),
    Mutation(
        "ranks of delivery and bounce swapped",
        LEDGER,
        "Status.DELIVERED: 6,\n    Status.REJECTED: 7,\n    Status.BOUNCED: 7,",
        "Status.DELIVERED: 7,\n    Status.REJECTED: 7,\n    Status.BOUNCED: 6,",
    ),
    Mutation(
        "ranks of delivery and complaint swapped",
        LEDGER,
        "Status.DELIVERED: 6,\n    Status.REJECTED: 7,\n    Status.BOUNCED: 7,\n    Status.SUPPRESSED: 7,\n"
        "    Status.COMPLAINED: 8,",
        "Status.DELIVERED: 8,\n    Status.REJECTED: 7,\n    Status.BOUNCED: 7,\n    Status.SUPPRESSED: 7,\n"
        "    Status.COMPLAINED: 6,",
    ),
    Mutation(
        "event of a lower rank moves the status",
        LEDGER,
        "elif record.status.rank < self.status.rank:",
        "elif record.status.rank != self.status.rank:",
    ),
    Mutation(
        "event does not show that an attempt was accepted",
        LEDGER,
        "if record.status in NOT_ACCEPTED:",
        "if record.status is Status.SENDING:",
    ),
    Mutation(
        "repeated event recorded again",
        LEDGER,
        "if record.has_event(self.id):",
        "if False:",
    ),
    Mutation(
        "event recorded twice by two functions at once",
        LEDGER,
        "statuses=statuses, history_lacks=self.id,",
        "statuses=statuses, history_lacks=None,",
    ),
    Mutation(
        "history grows without bound",
        LEDGER,
        "full = len(record.history) >= HISTORY_CAPACITY",
        "full = False",
    ),
    Mutation(
        "repeats count again beyond a full history",
        LEDGER,
        "return event_id in self.history or event_id in self.event_ids",
        "return event_id in self.history",
    ),
    Mutation(
        "ids beyond a full history grow without bound",
        LEDGER,
        "forgotten = full and len(record.event_ids) >= EVENT_IDS_CAPACITY",
        "forgotten = False",
    ),
    Mutation(
        "event whose id is not kept counts each time",
        LEDGER,
        "elif forgotten:",
        "elif False:",
    ),
    # --- refused for good -----------------------------------------------------------------------------
    Mutation(
        "email refused for good counts as one failure among many",
        SEND_EMAIL,
        "(metric_names.SEND_FAILURES, metric_names.EMAILS_FAILED)",
        "(metric_names.SEND_FAILURES,)",
    ),
    Mutation(
        "daily check does not list what was refused for good",
        CHECK_LEDGER,
        "for entry in found.failed:",
        "for entry in found.failed[1:]:",
    ),
    Mutation(
        "daily check reads only what was begun lately",
        CHECK_LEDGER,
        "overdue.UNRESOLVED, overdue.tallied_since(now)",
        "overdue.AWAITING_OUTCOME, overdue.tallied_since(now)",
    ),
    # --- feedback at the door -------------------------------------------------------------------------
    Mutation(
        "feedback may name any item of the table",
        SES_EVENTS,
        "if not key.is_well_formed:",
        "if not key.order_key:",
    ),
    Mutation(
        "feedback may name one of the system's own notifications",
        KEYS,
        "and _NOTIFICATION.fullmatch(self.notification)",
        "and self.notification",
    ),
    Mutation(
        "attempt of any number",
        SES_EVENTS,
        'ATTEMPT = re.compile(r"[1-9][0-9]{0,5}|1000000")',
        'ATTEMPT = re.compile(r"[1-9][0-9]*")',
    ),
    Mutation(
        "clock of an event believed",
        SES_EVENTS,
        "return min(moment, now), iso(moment)",
        "return moment, iso(moment)",
    ),
    Mutation(
        "event of an impossible time raises",
        SES_EVENTS,
        "except (ValueError, OverflowError):",
        "except ValueError:",
    ),
    Mutation(
        "copy of an event is another if its time counts as its arrival",
        SES_EVENTS,
        "return now, text",
        "return now, iso(now)",
    ),
    Mutation(
        "words of a remote server stored as they are",
        SES_EVENTS,
        'one if one.isprintable() else " " for one in cut',
        "one for one in cut",
    ),
    Mutation(
        "failed authentication counts as a complaint",
        SES_EVENTS,
        'NO_COMPLAINTS = frozenset({"not-spam", "auth-failure"})',
        'NO_COMPLAINTS = frozenset({"not-spam"})',
    ),
    Mutation(
        "nobody is told that raw delivery is off",
        SES_EVENTS,
        "if record.keys() >= SNS_ENVELOPE:",
        "if not record.keys() >= SNS_ENVELOPE:",
    ),
    Mutation(
        "notification of an identity set aside",
        SES_EVENTS,
        'if "notificationType" in record:',
        'if "notificationType" not in record:',
    ),
    Mutation(
        "attempt in flight given up",
        LEDGER,
        "if record.status is Status.SENDING and self.now_ms <= settled_ms:",
        "if record.status is Status.SENDING and self.now_ms <= record.send_by_ms:",
    ),
    Mutation(
        "given up whatever has become of the attempt by then",
        LEDGER,
        "as_read = Guard(statuses=frozenset({record.status}), attempt=record.attempt, token=record.token)",
        "as_read = Guard(statuses=frozenset({record.status}))",
    ),
    # --- the feedback path ----------------------------------------------------------------------------
    Mutation(
        "waiting events prove silence",
        FEEDBACK_PATH,
        "not self.waiting and self.watermark_ms",
        "self.watermark_ms",
    ),
    Mutation(
        "path trusted as soon as it has recovered",
        FEEDBACK_PATH,
        "max(send_by_ms, self.alive_since_ms) + settle_window_ms",
        "send_by_ms + settle_window_ms",
    ),
    Mutation(
        "late event is no break of the path",
        FEEDBACK_PATH,
        " or now_ms - sent_at_ms > settle_window_ms",
        "",
    ),
    # --- the table ------------------------------------------------------------------------------------
    Mutation(
        "write conditional on the record's existence alone",
        LEDGER_TABLE,
        '"ConditionExpression": " AND ".join(conditions),',
        '"ConditionExpression": conditions[0],',
    ),
    Mutation(
        "token left out of the condition",
        LEDGER_TABLE,
        "if guard.token is not None:",
        "if guard.token is None and guard.token:",
    ),
    Mutation(
        "attempt left out of the condition",
        LEDGER_TABLE,
        "if guard.attempt is not None:",
        "if guard.attempt is None and guard.attempt:",
    ),
    Mutation(
        "item not read when the condition failed",
        LEDGER_TABLE,
        '"ExpressionAttributeValues": values,\n        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",',
        '"ExpressionAttributeValues": values,\n        "ReturnValuesOnConditionCheckFailure": "NONE",',
    ),
    Mutation(
        "counters overwritten instead of added to",
        LEDGER_TABLE,
        "*([f\"ADD {', '.join(adds)}\"] if adds else [])",
        "*([f\"ADD {', '.join(adds)}\"] if not adds else [])",
    ),
    Mutation(
        "throttling taken for a lost race",
        LEDGER_TABLE,
        'or error.response["Error"]["Code"] != "ConditionalCheckFailedException"',
        'or error.response["Error"]["Code"] == "AccessDeniedException"',
    ),
    Mutation(
        "watermark overwritten by an older one",
        LEDGER_TABLE,
        "                    **_unchanged(before),\n",
        "",
    ),
    # --- queues ---------------------------------------------------------------------------------------
    Mutation(
        "messages in flight not looked at",
        QUEUES,
        '            "ApproximateNumberOfMessagesNotVisible",\n',
        "",
    ),
    Mutation(
        "delayed messages not looked at",
        QUEUES,
        '            "ApproximateNumberOfMessagesDelayed",\n',
        "",
    ),
    Mutation(
        "dead-letter queues not looked at",
        QUEUES,
        "messages_in(client, url) for url in queue_urls)",
        "messages_in(client, url) for url in queue_urls[:1])",
    ),
    Mutation(
        "path read before its queues",
        QUEUES,
        "        waiting = messages_waiting(client, queue_urls)\n        known = read()\n",
        "        known = read()\n        waiting = messages_waiting(client, queue_urls)\n",
    ),
    Mutation(
        "unforeseen error breaks the whole batch",
        QUEUES,
        "            return Handled(record, None, error)",
        "            raise error",
    ),
    Mutation(
        "records of a batch handled one after another",
        QUEUES,
        "ThreadPoolExecutor(max_workers=BATCH_SIZE)",
        "ThreadPoolExecutor(max_workers=1)",
    ),
    Mutation(
        "back-off that cannot be set is an error",
        QUEUES,
        "        except (ClientError, BotoCoreError):\n            return",
        "        except KeyError:\n            return",
    ),
    Mutation(
        "message that comes back at once",
        QUEUES,
        "VisibilityTimeout=max(1, round(seconds))",
        "VisibilityTimeout=round(seconds)",
    ),
    Mutation("dead letter without its reason", QUEUES, '            "error_reason": reason,\n', ""),
    Mutation(
        "address accepted as a correlation id",
        QUEUES,
        "CORRELATION_ID.fullmatch(given)",
        "CORRELATION_ID.match(given)",
    ),
    # --- sending --------------------------------------------------------------------------------------
    Mutation(
        "unanswered treated as answered",
        SENDING,
        "case Failure(Certainty.UNKNOWN, code):",
        'case Failure(Certainty.UNKNOWN, code) if code == "never":',
    ),
    Mutation(
        "queues not looked at before a takeover",
        SENDING,
        "for look in (self._store.feedback_path, self._feedback_path):",
        "for look in (self._store.feedback_path,):",
    ),
    Mutation(
        "sends though the call may outlive send_by",
        SENDING,
        "if self._seconds() + deadlines.ses_seconds <= ends_at_ms / 1000:",
        "if self._seconds() <= ends_at_ms / 1000:",
    ),
    Mutation(
        "acknowledged though the result is not recorded",
        SENDING,
        'return self._await_settling(unrecorded, f"not recorded: {error.failure.code}", ends_at_ms)',
        "return unrecorded",
    ),
    Mutation(
        "failure counted though an event had overtaken it",
        SENDING,
        "if not isinstance(verdict, ledger.Recorded):",
        "if verdict is None:",
    ),
    Mutation(
        "claim that could not be made acknowledged",
        SENDING,
        "        except LedgerUnavailableError as error:\n            return self._look_again(context, error.failure, message)",
        "        except LedgerUnavailableError:\n            return context",
    ),
    Mutation(
        "maximum age ignored",
        SENDING,
        "if self._now() - notification.occurred_at > self._policy.maximum_event_age:",
        "if self._now() - notification.occurred_at > 100 * self._policy.maximum_event_age:",
    ),
    Mutation(
        "old order whose outcome is unknown taken for a duplicate",
        SENDING,
        "if record is not None and record.status not in (ledger.Status.READY, ledger.Status.SENDING):",
        "if record is not None:",
    ),
    Mutation("rate not kept", SENDING, "        self._sleep(wait)\n", ""),
    Mutation(
        "copy of an order in flight acknowledged",
        SENDING,
        "return replace(context, outcome=Outcome.IN_FLIGHT, retry_after_seconds=wait)",
        "return replace(context, outcome=Outcome.IN_FLIGHT)",
    ),
    Mutation(
        "send_by later than the invocation's end",
        SENDING,
        "            send_by_ms=ends_at_ms,\n",
        "            send_by_ms=ends_at_ms + 60_000,\n",
    ),
    Mutation(
        "back-off without a cap",
        SENDING,
        "min(BACKOFF_BASE_SECONDS * 2 ** min(tries - 1, 16), cap_seconds)",
        "BACKOFF_BASE_SECONDS * 2 ** min(tries - 1, 16)",
    ),
    # --- tracking -------------------------------------------------------------------------------------
    Mutation(
        "repeated event counted again",
        TRACKING,
        "return Tracked(EventOutcome.REPEATED, event)",
        "return Tracked(EventOutcome.RECORDED, event)",
    ),
    Mutation(
        "unreadable event dropped",
        TRACKING,
        '            self._dead_letters.put(body, "(body)", str(error), "unknown")\n',
        "",
    ),
    Mutation(
        "only the newest event of a batch noted",
        TRACKING,
        "sorted({min(sent_at), max(sent_at)})",
        "sorted({max(sent_at)})",
    ),
    Mutation(
        "orphan proves that feedback arrives",
        TRACKING,
        'done_one.event.kind == "Send" and done_one.outcome is EventOutcome.RECORDED',
        'done_one.event.kind == "Send"',
    ),
    Mutation(
        "synthetic delivery counted with the others",
        TRACKING,
        '        if self._is_synthetic:\n            return None\n        if self._news and self._news.kind == "Delivery":',
        '        if self._news and self._news.kind == "Delivery":',
    ),
    # --- whole batches --------------------------------------------------------------------------------
    Mutation(
        "only the first unfinished order returned",
        SEND_EMAIL,
        'return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failures]}',
        'return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failures[:1]]}',
    ),
    Mutation(
        "finished orders returned",
        SEND_EMAIL,
        "        if result.retry_after_seconds is None:\n            return False\n",
        "        if result.retry_after_seconds is None:\n            return True\n",
    ),
    Mutation(
        "unforeseen error of an order acknowledged",
        SEND_EMAIL,
        "backoff_seconds(handled.record.receive_count, 0.5))\n            return True",
        "backoff_seconds(handled.record.receive_count, 0.5))\n            return False",
    ),
    Mutation(
        "order put off without its back-off",
        SEND_EMAIL,
        "        self._back_off.retry_after(handled.record, result.retry_after_seconds)\n",
        "",
    ),
    Mutation(
        "unknown outcomes not counted",
        SEND_EMAIL,
        "    Outcome.UNKNOWN: metric_names.UNKNOWN_OUTCOMES,\n",
        "",
    ),
    Mutation(
        "dead-letter queue of feedback left out",
        SEND_EMAIL,
        "            settings.feedback_dead_letter_queue_url,\n",
        "",
    ),
    Mutation(
        "event that could not be recorded acknowledged",
        TRACK_DELIVERY,
        "            self._back_off.retry_after(handled.record, wait)\n            return True",
        "            self._back_off.retry_after(handled.record, wait)\n            return False",
    ),
    Mutation(
        "only the first unfinished event returned",
        TRACK_DELIVERY,
        'return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failures]}',
        'return {"batchItemFailures": [{"itemIdentifier": id_} for id_ in failures[:1]]}',
    ),
    Mutation(
        "watermark never advanced",
        TRACK_DELIVERY,
        "self._track.note_arrivals([handled.result for handled in done if handled.result])",
        "self._track.note_arrivals([])",
    ),
    Mutation(
        "batch fails when the watermark cannot be advanced",
        TRACK_DELIVERY,
        'telemetry.logger.warning("feedback_path", detail=telemetry.describe(error))',
        "raise error",
    ),
    Mutation(
        "day without overdue notifications counts nothing",
        CHECK_LEDGER,
        "        telemetry.count(metric_names.NOTIFICATIONS_OVERDUE, found.overdue)\n",
        "        if found.overdue:\n"
        "            telemetry.count(metric_names.NOTIFICATIONS_OVERDUE, found.overdue)\n",
    ),
    Mutation(
        "end of the alarm holds sending",
        GUARD_REPUTATION,
        '!= "ALARM":',
        '== "":',
    ),
]
