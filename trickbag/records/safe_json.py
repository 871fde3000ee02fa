"""JSON that somebody else may have written, as plain data that can be worked with and written again."""

import json
from math import isfinite
from typing import Any

DEEPEST = 64  # levels of nesting; records have about ten
LARGEST = 2**63  # no whole number in a record is as large


def parse_json(text: str) -> Any:
    """Plain data from JSON text.

    Raises ValueError, in one line, where the text is malformed, nested more than 64 levels deep, or holds a number
    that is not finite or a text that is no Unicode.
    """
    try:
        plain = json.loads(text, parse_constant=_number, parse_float=_number, parse_int=_whole)
    except RecursionError:
        raise ValueError(f"nested more than {DEEPEST} levels deep") from None
    if "\\ud" in text.lower():
        json.dumps(plain, ensure_ascii=False).encode()  # half of a surrogate pair is a UnicodeEncodeError
    _check_depth(plain)
    return plain


def _number(word: str) -> float:
    """A finite number; Python's JSON reads NaN and Infinity too."""
    if not isfinite(value := float(word)):
        raise ValueError(f"{word[:20]} is not a finite number")
    return value


def _whole(word: str) -> int:
    """A whole number of 64 bits."""
    if len(word) > 20 or not -LARGEST <= (value := int(word)) < LARGEST:
        raise ValueError(f"{word[:20]}… is too large a number")
    return value


def _check_depth(plain: Any) -> None:
    """ValueError where containers are nested too deep."""
    level: list[dict[str, Any] | list[Any]] = [plain] if isinstance(plain, dict | list) else []
    for _ in range(DEEPEST):
        inner = [item.values() if isinstance(item, dict) else item for item in level]
        level = [value for values in inner for value in values if isinstance(value, dict | list)]
    if level:
        raise ValueError(f"nested more than {DEEPEST} levels deep")
