"""`trickbag data verify`: whether every image decodes, labels are right, and training and test images differ."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from trickbag.cli.bar import bar
from trickbag.cli.console import Console
from trickbag.cli.data_fields import opened, parted
from trickbag.records.files import provenance, write_text

if TYPE_CHECKING:
    from trickbag.data.check import Findings, Twin, Which

LISTED = 20  # of each kind on the terminal; the report has all
HASHED = 32  # side of the images that the perceptual hash is taken of
OFFICIAL = {  # training and test images of the published sets
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
    "fashion_mnist": (60_000, 10_000),
    "tiny_imagenet": (100_000, 10_000),
    "imagenet": (1_281_167, 50_000),
}


def verify(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Data set, as in a recipe.")],
    fields: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]…", help="Arguments of the data set; machine.…", show_default=False
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where the images lie: machine.data_root.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Look anew at images looked at before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Check a data set: every image decodes, labels and classes, damage, duplicates. Continues where it stopped."""
    from trickbag.cli.show_twins import draw_twins
    from trickbag.data.check import examine, ledger_of

    patch, machine = parted(fields or [], root)
    images = opened(name, patch, machine)
    ledger = ledger_of(images, machine.cache)
    if again:
        ledger.forget()
    with bar(Console(stderr=True)) as tell:
        findings = replace(examine(images, ledger, tell, machine.loaders), published=OFFICIAL.get(name))
    report = ledger.path.with_suffix(".json")
    text = json.dumps({"name": name, **findings.plain(), "provenance": provenance()}, indent=1)
    write_text(report, text + "\n")
    picture = report.with_suffix(".png")
    if findings.twins:
        draw_twins(name, images, findings.twins, picture)
    if as_json:
        print(text)
    else:
        _print(name, findings, min(images.size), Console())
        print(f"report: {report}" + (f"\npairs that are alike: {picture}" if findings.twins else ""))
    if findings.wrong:
        raise typer.Exit(1)


def _print(name: str, findings: "Findings", side: int, console: Console) -> None:
    """The findings, for a person; `side` is that of the images."""
    total = sum(map(sum, findings.counts.values()))
    if not findings.read:
        console.print(f"All {total:,} images were looked at before; --again looks anew.", highlight=False)
    console.print(_table(findings))
    _list("Bad images", (f"{s.image.where}: {s.why}" for s in findings.bad), console, "red")
    _list("Wrong labels", (f"{s.image.where}: {s.why}" for s in findings.wrong_labels), console, "red")
    _list("Classes without training images", findings.empty_classes, console, "red")
    differs = ["labels or digests are not those that it was made with"] if findings.index_differs else []
    _list("Damaged index", differs, console, "red")
    _list("Counts", _counted(name, findings), console, "red")
    _list("Equal images with different labels", map(_conflict, findings.conflicts), console, "yellow")
    _list(
        "Test images that stand among the training images, byte by byte or nearly (perceptual hash)",
        map(_twin, findings.twins),
        console,
        "yellow",
    )
    notes = (_small(findings, side), _repeated(findings), _verdict(name, findings))
    for line in filter(None, notes):
        console.print(escape(line), highlight=False, soft_wrap=True)


def _table(findings: "Findings") -> Table:
    """Counts of each part."""
    table = Table(box=None, padding=(0, 1), header_style="bold")
    table.add_column("part")
    for title in ("images", "classes", "smallest", "largest", "bad", "wrong labels"):
        table.add_column(title, justify="right")
    for part, counts in findings.counts.items():
        bad, wrong = (
            sum(s.image.part == part for s in suspects) for suspects in (findings.bad, findings.wrong_labels)
        )
        present = [count for count in counts if count]
        ends = (f"{min(present):,}", f"{max(present):,}") if present else ("–", "–")
        total = sum(counts) + wrong
        table.add_row(part, f"{total:,}", f"{len(present):,}", *ends, f"{bad:,}", f"{wrong:,}")
    return table


def _list(title: str, lines: Iterable[str], console: Console, style: str) -> None:
    """A titled list, its first lines; nothing where there are none."""
    lines = list(lines)
    if not lines:
        return
    console.print(f"[{style}]{title} ({len(lines):,}):[/]", highlight=False)
    for line in lines[:LISTED]:
        console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    if len(lines) > LISTED:
        console.print(f"  … and {len(lines) - LISTED:,} more in the report", highlight=False)


def _conflict(images: Sequence["Which"]) -> str:
    """Equal images, each with its label."""
    shown = ", ".join(f"{image.where} ({image.label})" for image in images[:4])
    return shown + (f" and {len(images) - 4:,} more" if len(images) > 4 else "")


def _twin(twin: "Twin") -> str:
    """A test image and its nearest training image."""
    how = "identical" if twin.identical else f"{twin.distance} of 64 bits differ"
    labels = f"both {twin.test.label}"
    if twin.test.label != twin.train.label:
        labels = f"{twin.test.label}, but {twin.train.label}"
    return f"{twin.test.where} ~ {twin.train.where} ({how}; {labels})"


def _counted(name: str, findings: "Findings") -> list[str]:
    """How many images the published set has, where these are not as many."""
    if not findings.miscounted or findings.published is None:
        return []
    train, test = findings.published
    return [f"the published {name} has {train:,} + {test:,} images; these are not all, or others"]


def _small(findings: "Findings", side: int) -> str:
    """A warning about what pHash says of very small images."""
    if side >= HASHED or not findings.twins:
        return ""
    return f"note: images of less than {HASHED}×{HASHED} pixels have little detail, and many look alike to a hash"


def _repeated(findings: "Findings") -> str:
    """How many training images stand twice."""
    if not findings.repeated:
        return ""
    return f"note: {findings.repeated:,} training images stand among them before, byte by byte"


def _verdict(name: str, findings: "Findings") -> str:
    """The last word."""
    count = len(findings.conflicts) + len(findings.twins)
    duplicates = f"; {count:,} findings about duplicates, which are for you to judge" if count else ""
    return f"{name}: " + ("something is wrong" if findings.wrong else "nothing is wrong") + duplicates
