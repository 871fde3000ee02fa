"""Names in a study may come from anyone: they give no orders to a browser, a spreadsheet or a terminal."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest
from command_line import trickbag
from markdown_it import MarkdownIt
from report_page import Page
from rich.color import ColorSystem
from rich.text import Text
from study_records import complete, freeze, plan_of

from trickbag.cli.console import Console

NAMES = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script></style></svg>", "a|b `c` ![x](//e.vil/p)",
    "=HYPERLINK(\"http://e.vil\")", "@SUM(1)", "\x1b]0;owned\x07\x1b[2J", "[red]x[/red][/]", ":skull: {{7*7}}",
    "\\input{/etc/passwd}%#^^M", "-1+cmd|' /C calc'!A0", "&lt;b&gt;", "javascript:alert(1)",
)  # fmt: skip


@pytest.fixture(scope="session")
def infamous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study whose arms, tricks, classes, workload, messages and reasons have names that attack."""
    folder = tmp_path_factory.mktemp("infamous") / "study"
    plan = plan_of([str(i) for i in range(len(NAMES))], 2)
    names = dict(zip((arm.name for arm in plan.arms), ("baseline", *NAMES), strict=True))
    here = {"workload": NAMES[1]}
    arms = tuple(
        arm.model_copy(
            update={**here, "name": names[arm.name], "tricks": (name := names[arm.name],)}
            | {"diff": {f"batch.{name}": (name, {name: name})}}
        )
        for arm in plan.arms
    )
    loads = (plan.workloads[0].model_copy(update={"name": NAMES[1], "classes": NAMES}),)
    pairs = tuple(pair.model_copy(update={**here, "arm": names[pair.arm]}) for pair in plan.comparisons)
    runs = tuple(run.model_copy(update={**here, "arm": names[run.arm]}) for run in plan.runs)
    why = {"rule": NAMES[7], "reasons": dict.fromkeys(NAMES, NAMES[0])}
    phases = (plan.phases[0].model_copy(update={"runs": runs, **why}),)
    study = {"name": NAMES[0], "question": NAMES[2]}
    told = {"arms": arms, "workloads": loads, "phases": phases, "study": study, "comparisons": pairs}
    told |= {"dropped": {NAMES[1]: NAMES[2]}, "not_applicable": {NAMES[1]: {NAMES[4]: NAMES[6]}}}
    told |= {"design": NAMES[7]}
    plan = freeze(folder, plan.model_copy(update=told))
    hits = {(arm.workload, arm.name): {1: 900 + i, 2: 903 + i} for i, arm in enumerate(plan.arms)}
    complete(folder, plan, hits)
    failed = folder / "runs" / plan.runs[-1].id
    record = json.loads((failed / "run.json").read_text())
    told = {"status": "failed", "top1": None, "top5": None, "message": NAMES[4] + NAMES[6]}
    (failed / "run.json").write_text(json.dumps(record | told))
    return folder


def test_names_give_no_orders_in_any_report(infamous: Path, tmp_path: Path) -> None:
    """The page's tags are those of the same page with harmless names; nothing in it is loaded from anywhere."""
    study = Path(shutil.copytree(infamous, tmp_path / "study"))
    for verb in ("analyze", "report"):
        trickbag(verb, study)
    page = (study / "report.html").read_text(encoding="utf-8")
    read = Page(page)
    assert not read.tags & {
        "script",
        "img",
        "link",
        "iframe",
        "object",
        "embed",
        "base",
        "form",
        "image",
        "use",
    }
    assert not [
        a for a in read.attributes if a[1].startswith("on") or a[1] in ("src", "srcset", "action", "data")
    ]
    assert {a[2][:1] for a in read.attributes if a[1].endswith("href")} == {"#"}
    assert not re.search(r"@import|url\((?!#)|expression\(", re.sub(r">[^<]*<", "><", page))
    (policy,) = [
        a[2] for a in read.attributes if a[0] == "meta" and a[1] == "content" and "default-src" in a[2]
    ]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    for name in NAMES:
        assert " ".join("".join(c if c.isprintable() else "�" for c in name).split()) in read.text, name
    assert "\x1b" not in page
    assert "1 failed (=HYPERLINK" in read.text
    told = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse((study / "report.md").read_text())
    inner = [token for token in told if token.type == "inline"]
    kinds = {token.type for token in told} | {child.type for t in inner for child in t.children or ()}
    assert kinds <= MARKDOWN
    for line in csv.DictReader(io.StringIO((study / "results.csv").read_text(encoding="utf-8"))):
        for value in line.values():
            assert value[:1] not in ("=", "@", "\t", "\r"), line
            assert not value.startswith("-1+"), line


MARKDOWN = {
    "heading_open", "heading_close", "inline", "text", "paragraph_open", "paragraph_close",
    "strong_open", "strong_close",
    "table_open", "thead_open", "tr_open", "th_open", "th_close", "tr_close", "thead_close", "tbody_open", "td_open",
    "td_close", "tbody_close", "table_close", "bullet_list_open", "list_item_open", "list_item_close",
    "bullet_list_close", "softbreak",
}  # fmt: skip
"""What a report is made of, in the words of the CommonMark parser: no links, images, code or HTML."""


@pytest.mark.parametrize("verb", ["status", "plan", "analyze"])
def test_names_give_no_orders_to_the_terminal(infamous: Path, tmp_path: Path, verb: str) -> None:
    """No escape sequence of a name reaches the terminal, and no markup or picture is made of one."""
    study = Path(shutil.copytree(infamous, tmp_path / "study"))
    said = trickbag(verb, study)
    assert "\x1b" not in said
    assert "\x07" not in said
    joined = re.sub(r"\s+", "", said)
    for part in ("[red]x[/red][/]", ":skull:"):
        assert part in joined, said


def test_colours_are_the_consoles_own() -> None:
    """On a terminal a name's escape sequence is shown as text, while that of the style is sent."""
    shown = io.StringIO()
    console = Console()
    console.file, console._force_terminal, console._color_system = shown, True, ColorSystem.STANDARD
    console.print(Text("\x1b[2Jname", "bold"))
    assert shown.getvalue() == "\x1b[1m�[2Jname\x1b[0m\n"


def test_the_commands_complain_without_escape_sequences(tmp_path: Path) -> None:
    said = trickbag("status", tmp_path / "\x1b[2Jnone", code=2)
    place = f"{tmp_path}/\\x1b[2Jnone"
    assert said == f"trickbag: {place}: no study was planned here; use trickbag plan STUDY --out {place}\n"
