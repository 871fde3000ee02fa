"""What the report's tests share: a reader of pages, and results in which every text is an attack."""

from html.parser import HTMLParser
from typing import Any, get_args

from pydantic import BaseModel

from trickbag.records.plan import PhaseName
from trickbag.records.result import Results, TimeVerdict, Verdict

ATTACK = "<script>alert(1)</script>"
POISON = ATTACK + "|`[x](javascript:alert(1)) \\input{x} $1$ a_b% \x1b[31m\ufffe\u202e"
FIXED = {*get_args(Verdict), *get_args(TimeVerdict), *get_args(PhaseName)}
FIXED |= {"T0", "T1", "main_effect", "interaction", "shapley"}
VOID = {"meta", "br", "img", "link", "hr", "input", "wbr"}


class Page(HTMLParser):
    """Visible text, tags, attributes; fails on tags that do not balance."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.glued = False  # a place where a word may be broken is none between words
        self.feed(html)
        self.close()
        assert self.open == []
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.glued = tag == "wbr"
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.texts.append(self.texts.pop() + data if self.glued else data)
            self.glued = False


def poisoned(value: Any) -> Any:
    """The value with every text from outside an attack, different texts different ones; keys of mappings too."""
    if isinstance(value, BaseModel):
        fields = type(value).model_fields
        return value.model_copy(update={name: poisoned(getattr(value, name)) for name in fields})
    if isinstance(value, dict):
        return {poisoned(key): poisoned(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return tuple(poisoned(inner) for inner in value)
    return f"{POISON}{value}" if isinstance(value, str) and value not in FIXED else value


def hostile(results: Results) -> Results:
    """Results that an attacker wrote."""
    found = poisoned(results)
    assert isinstance(found, Results)
    return found
