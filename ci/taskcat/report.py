"""The page about a run: for each test a table of its checks in each region. One file that needs no other."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from ci.taskcat.results import Check, Run, StackResult
from ci.taskcat.retained import command

TITLE = "Mail through several regions"
STYLE = """
:root { --ink: #1b2733; --soft: #5d6b79; --line: #dfe5ea; --good: #1a7f4b; --bad: #c02f2b; --panel: #f5f7f9 }
* { box-sizing: border-box }
body { margin: 0; padding: 36px 44px; background: #fff; color: var(--ink);
       font: 14px/1.45 "Segoe UI", "Helvetica Neue", "Liberation Sans", Arial, sans-serif }
header { display: flex; align-items: center; gap: 18px; margin-bottom: 6px }
h1 { font-size: 24px; margin: 0 }
h2 { font-size: 17px; margin: 30px 0 8px }
h2 small, p, summary { color: var(--soft); font-weight: normal }
p { margin: 0 }
.verdict { padding: 3px 14px; border-radius: 99px; color: #fff; background: var(--bad); font-weight: 600 }
.verdict.passed { background: var(--good) }
table { width: 100%; border-collapse: collapse; table-layout: fixed }
th, td { padding: 7px 12px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
thead th { background: var(--panel); border-bottom: 2px solid var(--line) }
tbody th { font-weight: 600 }
col.name { width: 210px }
td { overflow-wrap: anywhere }
td b { color: var(--good) }
td.bad { background: #fdf0ef }
td.bad b { color: var(--bad) }
td i { float: right; padding-left: 8px; color: var(--soft); font-style: normal }
details { margin-top: 10px }
summary { cursor: pointer }
code { font: 12px/1.5 "Liberation Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere }
details td:first-child { width: 250px }
"""


def write(run: Run, path: Path) -> Path:
    """Write the page, and return where it is."""
    path.write_text(render(run), encoding="utf-8")
    return path


def render(run: Run) -> str:
    """Make the page."""
    verdict = "passed" if run.passed else "failed"
    tests = list(dict.fromkeys(stack.test for stack in run.stacks))
    regions = list(dict.fromkeys(stack.region for stack in run.stacks))
    about = (
        f"{run.target}, account {run.account} · {len(regions)} regions · "
        f"{run.started_at:%Y-%m-%d %H:%M} UTC · {run.seconds:.0f} s · "
        "times tell how long it took until something was seen"
    )
    sections = [
        _test([stack for stack in run.stacks if stack.test == test], deletes_retained=run.deletes_retained)
        for test in tests
    ]
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            '<meta charset="utf-8">',
            f"<title>{TITLE}: {verdict}</title>",
            f"<style>{STYLE}</style>",
            f'<header><h1>{TITLE}</h1><span class="verdict {verdict}">{verdict}</span></header>',
            f"<p>{escape(about)}</p>",
            *sections,
            "</html>",
            "",
        ]
    )


def _test(stacks: list[StackResult], *, deletes_retained: bool) -> str:
    names = list(dict.fromkeys(check.name for stack in stacks for check in stack.checks))
    heads = "".join(f"<th>{escape(stack.region)}</th>" for stack in stacks)
    rows = [
        f"<tr><th>{escape(name)}</th>{''.join(_cell(stack.check(name)) for stack in stacks)}</tr>"
        for name in names
    ]
    return "\n".join(
        [
            f"<h2>{escape(stacks[0].test)} <small>{escape(stacks[0].stack)}</small></h2>",
            f'<table><colgroup><col class="name"></colgroup><thead><tr><th></th>{heads}</tr></thead>',
            f"<tbody>{''.join(rows)}</tbody></table>",
            *(_outputs(stack) for stack in stacks),
            *_retained(stacks, deleted=deletes_retained),
        ]
    )


def _cell(check: Check | None) -> str:
    if check is None:
        return "<td>not looked at</td>"
    mark, kind = ("✓", "") if check.passed else ("✗", ' class="bad"')
    return f"<td{kind}><b>{mark}</b> <i>{check.seconds:.1f} s</i>{escape(check.detail)}</td>"


def _outputs(stack: StackResult) -> str:
    rows = [
        f"<tr><td>{escape(name)}</td><td><code>{escape(value)}</code></td></tr>"
        for name, value in sorted(stack.outputs.items())
    ]
    return _folded(f"{len(rows)} outputs in {stack.region}", f"<table>{''.join(rows)}</table>")


def _retained(stacks: Iterable[StackResult], *, deleted: bool) -> list[str]:
    commands = [command(one, stack.region) for stack in stacks for one in stack.retained]
    if not commands:
        return []
    title = f"{len(commands)} resources outlived their stack"
    title += "; deleted, as by these commands" if deleted else " and are still there; this deletes them"
    return [_folded(title, f"<code>{'<br>'.join(map(escape, commands))}</code>", unfold=not deleted)]


def _folded(title: str, content: str, *, unfold: bool = False) -> str:
    return f"<details{' open' if unfold else ''}><summary>{escape(title)}</summary>{content}</details>"
