"""The mutations. Each changes a piece of source that occurs once; change it here along with the code."""

from __future__ import annotations

from tests.mutants.trial import Mutation

LEDGER = "notifications/ledger.py"
EVIDENCE = "notifications/evidence.py"
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
    EVIDENCE: ("tests/unit/test_evidence.py",),
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
        "        if self.now_ms <= settled_ms:\n            return InFlight(settled_ms)\n        if not self.rules",
        "        if not self.rules",
    ),
    Mutation(
        "attempt taken over while it may be under way",
        LEDGER,
        "        if self.now_ms <= record.send_by_ms:\n            return InFlight(record.send_by_ms)\n",
        "",
    ),
    Mutation(
        "unanswered attempt made again by itself",
        LEDGER,
        "if not self.rules.resend_after_silence.allows(record.doubt):",
        "if not self.rules.resend_after_silence.allows(Doubt.ANSWERED):",
    ),
    Mutation(
        "answered attempt not told from an unanswered one",
        LEDGER,
        "return Doubt.ANSWERED if self.answer == ANSWERED_WITH_ERROR else Doubt.UNANSWERED",
        "return Doubt.UNANSWERED",
    ),
    Mutation(
        "evidence not looked for before a takeover",
        LEDGER,
        "return NeedsEvidence(record)",
        "return self._take_over(record, resend=True)",
    ),
    Mutation(
        "evidence about another attempt taken for its own",
        LEDGER,
        "if self.evidence is None or self.evidence.token != record.token:",
        "if self.evidence is None:",
    ),
    Mutation(
        "evidence ignored",
        LEDGER,
        "        if against:\n",
        '        if against == "never":\n',
    ),
    Mutation(
        "second look skipped",
        LEDGER,
        "        if self.now_ms < second_look_ms:\n            return LookAgain(second_look_ms)\n",
        "",
    ),
    Mutation(
        "first look taken for the second",
        LEDGER,
        '            return Write(_as_read(record), Changes({"first_look_ms": self.now_ms}), look_again)',
        "            return self._take_over(record, resend=True)",
    ),
    Mutation(
        "first look not conditional",
        LEDGER,
        'return Write(_as_read(record), Changes({"first_look_ms": self.now_ms}), look_again)',
        'return Write(Guard(), Changes({"first_look_ms": self.now_ms}), look_again)',
    ),
    Mutation(
        "first look kept though a later one was not clear",
        LEDGER,
        'return Write(_as_read(record), Changes(removed=("first_look_ms",)), undecided)',
        "return undecided",
    ),
    Mutation(
        "old order in doubt made again by itself",
        LEDGER,
        '        if self.too_old:\n            return self._undecided(record, "the order is older than the maximum event age")\n',
        "",
    ),
    Mutation(
        "decision to send again ignored",
        LEDGER,
        "if record.decision == Choice.SEND_AGAIN:",
        'if record.decision == "never":',
    ),
    Mutation(
        "what an earlier attempt was answered kept for the next",
        LEDGER,
        "removed=() if guard.absent else OF_ONE_ATTEMPT",
        "removed=()",
    ),
    Mutation("own claim not recognised", LEDGER, "if record.token == self.token:", "if not self.token:"),
    Mutation(
        "takeover guard reduced to the status",
        LEDGER,
        "return self._take(_as_read(record), record.attempt + 1, resend=resend)",
        "return self._take(Guard(statuses=frozenset({record.status})), record.attempt + 1, resend=resend)",
    ),
    Mutation(
        "decision written whatever has become of the attempt by then",
        LEDGER,
        "return Guard(statuses=frozenset({record.status}), attempt=record.attempt, token=record.token)",
        "return Guard(statuses=frozenset({record.status}), attempt=record.attempt)",
    ),
    Mutation(
        "takeover keeps the attempt's number",
        LEDGER,
        "return self._take(_as_read(record), record.attempt + 1, resend=resend)",
        "return self._take(_as_read(record), record.attempt, resend=resend)",
    ),
    Mutation("resend not counted", LEDGER, '{"resends": 1} if resend else {}', "{}"),
    Mutation(
        "other content of the same order not noticed",
        LEDGER,
        'same_content = record.fingerprint in ("", self.fingerprint)',
        "same_content = True",
    ),
    Mutation(
        "corrected order not sent after a refusal for good",
        LEDGER,
        "case Status.FAILED if not same_content:",
        "case Status.FAILED if same_content is None:",
    ),
    Mutation(
        "other content of an attempt in doubt sent",
        LEDGER,
        "        if not same_content:\n            return self._mismatch(record)\n        settled_ms",
        "        settled_ms",
    ),
    Mutation(
        "address of the first claim kept for the next",
        LEDGER,
        '            **self.attributes,\n            "status": Status.SENDING,',
        '            **(self.attributes if guard.absent else {}),\n            "status": Status.SENDING,',
    ),
    Mutation(
        "attempt not entered into the index",
        LEDGER,
        '            "open_shard": self.open_shard,\n',
        "",
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
        "            return Recorded(self.status)\n        if self.message_id:",
        "            return Superseded()\n        if self.message_id:",
    ),
    Mutation(
        "attempt that came to nothing stays open",
        LEDGER,
        "removed = ENTRY_OF_OPEN_ATTEMPT if is_over else ()",
        "removed = ()",
    ),
    Mutation(
        "accepted attempt closed before its event",
        LEDGER,
        "is_over = self.status in (Status.READY, Status.FAILED)",
        "is_over = self.status is not Status.SENDING",
    ),
    Mutation(
        "second message reported by its worker forgotten",
        LEDGER,
        "            if duplicate is None:\n                return Superseded()\n",
        "            return Superseded()\n",
    ),
    Mutation(
        "every message taken for a duplicate",
        LEDGER,
        'is_further = message_id and record.message_id not in ("", message_id)',
        "is_further = message_id and record.message_id",
    ),
    Mutation(
        "duplicate counted each time",
        LEDGER,
        "if not is_further or duplicate in record.duplicate_message_ids:",
        "if not is_further:",
    ),
    Mutation(
        "event closes whichever attempt is open",
        LEDGER,
        "removed=ENTRY_OF_OPEN_ATTEMPT if self.attempt == record.attempt else (),",
        "removed=ENTRY_OF_OPEN_ATTEMPT,",
    ),
    Mutation(
        "event leaves its attempt open",
        LEDGER,
        "removed=ENTRY_OF_OPEN_ATTEMPT if self.attempt == record.attempt else (),",
        "removed=(),",
    ),
    Mutation(
        "settle without its condition",
        LEDGER,
        "        return Write(shown, self._changes(record), Settled())",
        "        return Write(Guard(statuses=shown.statuses), self._changes(record), Settled())",
    ),
    Mutation(
        "settles what was not shown",
        LEDGER,
        "if record is None or not shown.holds(record):",
        "if record is None or record.status is not Status.SENDING:",
    ),
    Mutation(
        "attempt in flight settled",
        LEDGER,
        "        if self.now_ms <= settled_ms:\n            return InFlight(settled_ms)\n        return Write(shown",
        "        return Write(shown",
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
        "return not status.is_accepted or status.rank < self.status.rank",
        "return not status.is_accepted or status.rank != self.status.rank",
    ),
    Mutation(
        "event does not show that an attempt was accepted",
        LEDGER,
        "return not status.is_accepted or status.rank < self.status.rank",
        "return status is Status.SENDING or status.rank < self.status.rank - 2",
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
        "            history_lacks=self.id,\n",
        "            history_lacks=None,\n",
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
        "        return self._write(_as_read(record), {})",
        "        return self._write(Guard(statuses=frozenset({record.status})), {})",
    ),
    # --- when silence is proof ------------------------------------------------------------------------
    Mutation(
        "waiting events prove silence",
        EVIDENCE,
        "        if not self.queues_empty:\n",
        "        if self.queues_empty is None:\n",
    ),
    Mutation(
        "index not looked at",
        EVIDENCE,
        "if any(sign is Sign.AWAITED for sign, _ in near):",
        "if any(sign is None for sign, _ in near):",
    ),
    Mutation(
        "discard markers ignored",
        EVIDENCE,
        "if any(sign is Sign.DISCARDED for sign, _ in near):",
        "if any(sign is None for sign, _ in near):",
    ),
    Mutation(
        "missing events of another time taken for near",
        EVIDENCE,
        "if abs(at_ms - claimed_at_ms) <= settle_window_ms]",
        "]",
    ),
    Mutation(
        "events before an unanswered attempt enough",
        EVIDENCE,
        "if not any(at_ms > claimed_at_ms for at_ms in heard):",
        "if not heard:",
    ),
    Mutation(
        "events after an unanswered attempt enough",
        EVIDENCE,
        "if not any(at_ms < claimed_at_ms for at_ms in heard):",
        "if not heard:",
    ),
    Mutation(
        "shop that leaves all to a person not heeded",
        EVIDENCE,
        "return self is ResendAfterSilence.ALL or self.value == doubt.value",
        "return self is not ResendAfterSilence.ANSWERED or self.value == doubt.value",
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
        "counters not added to",
        LEDGER_TABLE,
        'clauses = {"SET": sets, "ADD": adds, "REMOVE": removes}',
        'clauses = {"SET": sets, "REMOVE": removes}',
    ),
    Mutation(
        "throttling taken for a lost race",
        LEDGER_TABLE,
        'or error.response["Error"]["Code"] != "ConditionalCheckFailedException"',
        'or error.response["Error"]["Code"] == "AccessDeniedException"',
    ),
    Mutation(
        "message id left out of the condition",
        LEDGER_TABLE,
        "if guard.message_id is not None:",
        "if guard.message_id is None and guard.message_id:",
    ),
    Mutation(
        "duplicates left out of the condition",
        LEDGER_TABLE,
        "if guard.duplicates_lack is not None:",
        "if guard.duplicates_lack is None and guard.duplicates_lack:",
    ),
    Mutation(
        "nothing removed",
        LEDGER_TABLE,
        'clauses = {"SET": sets, "ADD": adds, "REMOVE": removes}',
        'clauses = {"SET": sets, "ADD": adds}',
    ),
    Mutation(
        "one part of the index read",
        LEDGER_TABLE,
        "        for shard in SHARDS:\n",
        "        for shard in SHARDS[:1]:\n",
    ),
    Mutation(
        "first page of the index read",
        LEDGER_TABLE,
        '                if "LastEvaluatedKey" not in page:\n',
        "                if page:\n",
    ),
    Mutation(
        "only accepted attempts tell nothing",
        LEDGER_TABLE,
        "return Sign.AWAITED if Status(self.status).is_accepted else None",
        "return None",
    ),
    Mutation(
        "order read before is read as new",
        LEDGER_TABLE,
        "return self._apply(key, claim.decide, found)",
        "return self._apply(key, claim.decide, None)",
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
        "case Failure(Certainty.ANSWERED, code):",
        "case Failure(Certainty.ANSWERED | Certainty.UNANSWERED, code):",
    ),
    Mutation(
        "error of SES not noted",
        SENDING,
        "                self._store.record_result(key, ledger.answered(claimed, code, self._at()))\n",
        "",
    ),
    Mutation(
        "queues not looked at before a takeover",
        SENDING,
        "        if self._feedback_waits():\n",
        "        if self._feedback_waits is None:\n",
    ),
    Mutation(
        "index not read before a takeover",
        SENDING,
        "return Evidence(in_doubt.token, queues_empty=True, signs=signs)",
        "return Evidence(in_doubt.token, queues_empty=True)",
    ),
    Mutation(
        "index read before the queues",
        SENDING,
        "        if self._feedback_waits():\n            return Evidence(in_doubt.token, queues_empty=False)\n        signs = self._store.signs(in_doubt.claimed_at_ms, self._policy.settling.settle_window_ms)\n",
        "        signs = self._store.signs(in_doubt.claimed_at_ms, self._policy.settling.settle_window_ms)\n        if self._feedback_waits():\n            return Evidence(in_doubt.token, queues_empty=False)\n",
    ),
    Mutation(
        "undecided message acknowledged",
        SENDING,
        "return replace(result, retry_after_seconds=self._patience_seconds(message))",
        "return result",
    ),
    Mutation(
        "undecided message left to SQS at its last receive",
        SENDING,
        "if message.receive_count < self._policy.max_receives:",
        "if message.receive_count <= self._policy.max_receives:",
    ),
    Mutation(
        "undecided message never called due",
        SENDING,
        "awaits_decision=epoch_ms(self._now()) > verdict.due_ms",
        "awaits_decision=epoch_ms(self._now()) > verdict.due_ms * 2",
    ),
    Mutation(
        "second email not told",
        SENDING,
        "duplicate = isinstance(verdict, ledger.Superseded) and verdict.duplicate",
        "duplicate = isinstance(verdict, ledger.Superseded) and not verdict",
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
        "        except LedgerUnavailableError as error:\n            return self._look_again(subject, error.failure, message)",
        "        except LedgerUnavailableError:\n            return Result(Outcome.DEFERRED, subject)",
    ),
    Mutation(
        "maximum age ignored",
        SENDING,
        "too_old=now - notification.occurred_at > self._policy.maximum_event_age,",
        "too_old=False,",
    ),
    Mutation(
        "old order decided on as if it were new",
        SENDING,
        "found = self._store.find(key) if claim.too_old else None",
        "found = None",
    ),
    Mutation("rate not kept", SENDING, "        self._sleep(wait)\n", ""),
    Mutation(
        "copy of an order in flight acknowledged",
        SENDING,
        "return Result(Outcome.IN_FLIGHT, subject, retry_after_seconds=wait)",
        "return Result(Outcome.IN_FLIGHT, subject)",
    ),
    Mutation(
        "clocks believed to the millisecond",
        SENDING,
        "send_by_ms=ends_at_ms + CLOCK_SKEW_MARGIN_MS,",
        "send_by_ms=ends_at_ms,",
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
        "each event marked as heard",
        TRACKING,
        '        if bucket == self._heard_bucket:\n            return ""\n',
        "",
    ),
    Mutation(
        "any event marked as heard",
        TRACKING,
        'if self._settle_window_ms is None or event.kind != "Send":',
        "if self._settle_window_ms is None:",
    ),
    Mutation(
        "marker that could not be put taken for put",
        TRACKING,
        '        except LedgerUnavailableError as error:\n            return f"not marked',
        '        except LedgerUnavailableError as error:\n            self._heard_bucket = bucket\n            return f"not marked',
    ),
    Mutation(
        "marker breaks its event",
        TRACKING,
        '        except LedgerUnavailableError as error:\n            return f"not marked',
        '        except KeyError as error:\n            return f"not marked',
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
        "    Outcome.UNKNOWN: (metric_names.UNKNOWN_OUTCOMES,),\n",
        "",
    ),
    Mutation(
        "what waits for a person not counted",
        SEND_EMAIL,
        "            telemetry.count(metric_names.AWAITING_DECISION)\n",
        "            pass\n",
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
        "nothing marked where a shop needs it",
        TRACK_DELIVERY,
        "return settings.settle_window_seconds * 1000 if by_itself else None",
        "return None",
    ),
    Mutation(
        "duplicate not logged",
        TRACK_DELIVERY,
        '        "duplicate": tracked.duplicate,\n',
        "",
    ),
    Mutation(
        "day without overdue notifications counts nothing",
        CHECK_LEDGER,
        "        telemetry.count(metric_names.NOTIFICATIONS_OVERDUE, found.overdue - found.undecided)\n",
        "        if found.overdue:\n"
        "            telemetry.count(metric_names.NOTIFICATIONS_OVERDUE, found.overdue - found.undecided)\n",
    ),
    Mutation(
        "what waits for a person not counted by the daily check",
        CHECK_LEDGER,
        "        telemetry.count(metric_names.AWAITING_DECISION, found.undecided)\n",
        "",
    ),
    Mutation(
        "end of the alarm holds sending",
        GUARD_REPUTATION,
        '!= "ALARM":',
        '== "":',
    ),
]
