"""The page tells what was seen, and that something was not."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ci.taskcat import picture, report
from ci.taskcat.results import Check, Run, StackResult
from ci.taskcat.retained import command
from ops.deploying.retained import Retained

CREATED = Check("created", passed=True, detail="CREATE_COMPLETE", seconds=4.24)
QUEUE = Retained("SendQueue", "AWS::SQS::Queue", "https://sqs.eu-west-1.amazonaws.com/1/a-queue")


def run_of(*stacks: StackResult, deletes_retained: bool = True) -> Run:
    started_at = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)
    return Run("Emulator", "111122223333", started_at, deletes_retained, list(stacks), 61.4)


def stack(region: str = "us-east-1", *checks: Check, test: str = "root") -> StackResult:
    return StackResult(test, region, "tCaT-root-0a1b2c", {"QueueUrl": "https://a"}, list(checks))


def failed(name: str = "order delivered", detail: str = "Waited in vain.") -> Check:
    return Check(name, passed=False, detail=detail, seconds=1)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_run_passes_when_every_check_of_every_stack_has() -> None:
    assert run_of(stack("us-east-1", CREATED), stack("eu-west-1", CREATED)).passed
    assert not run_of(stack("us-east-1", CREATED), stack("eu-west-1", CREATED, failed())).passed


def test_run_fails_when_nothing_was_looked_at() -> None:
    assert not run_of().passed
    assert not run_of(stack("us-east-1", CREATED), stack("eu-west-1")).passed


def test_page_tells_check_by_region_with_detail_and_time() -> None:
    page = report.render(run_of(stack("us-east-1", CREATED), stack("eu-west-1", CREATED)))
    assert text_of(page).count("✓ 4.2 s CREATE_COMPLETE") == 2
    assert "us-east-1 eu-west-1 created" in text_of(page)
    assert ">passed<" in page
    assert "✗" not in page


def test_page_says_failed_when_a_check_has() -> None:
    page = report.render(run_of(stack("us-east-1", CREATED, failed())))
    assert ">failed<" in page
    assert "✗ 1.0 s Waited in vain." in text_of(page)


def test_page_says_so_when_a_region_was_not_looked_at() -> None:
    page = report.render(run_of(stack("us-east-1", CREATED, failed()), stack("eu-west-1", CREATED)))
    assert "not looked at" in page


def test_page_has_a_table_for_each_test() -> None:
    page = report.render(run_of(stack("us-east-1", CREATED), stack("us-east-1", CREATED, test="security")))
    assert page.index("<h2>root") < page.index("<h2>security")


def test_page_tells_where_it_was() -> None:
    page = report.render(run_of(stack("us-east-1", CREATED)))
    assert "Emulator, account 111122223333 · 1 regions · 2026-11-24 10:30 UTC · 61 s" in page


def test_page_shows_the_commands_for_what_is_still_there() -> None:
    result = stack("eu-west-1", CREATED)
    result.retained = [QUEUE]
    kept = report.render(run_of(result, deletes_retained=False))
    assert "<details open><summary>1 resources outlived their stack and are still there" in kept
    assert command(QUEUE, "eu-west-1") in kept
    deleted = report.render(run_of(result))
    assert "<details><summary>1 resources outlived their stack; deleted, as by these commands" in deleted


def test_page_shows_text_as_text() -> None:
    page = report.render(run_of(stack("us-east-1", failed(detail="<script>alert(1)</script> & more"))))
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page


def test_page_needs_no_other_file() -> None:
    page = report.render(run_of(stack("us-east-1", CREATED)))
    assert not re.search(r"<(link|script|img|iframe)|\burl\(|@import", page)


def test_picture_is_left_out_when_there_is_no_browser(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    page = report.write(run_of(stack("us-east-1", CREATED)), tmp_path / "report.html")
    old = tmp_path / "report.png"
    old.write_bytes(b"of an earlier run")
    assert picture.take(page, old) == "no picture of it: chromium is not installed"
    assert not old.exists()
