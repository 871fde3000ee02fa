"""How numbers are written, the same in results and in reports."""


def points(value: float, digits: int = 2) -> str:
    """A signed number of percentage points or percent, the minus as long as the plus; zero has no sign."""
    text = f"{value:+.{digits}f}"
    return f"{0:.{digits}f}" if not float(text) else text.replace("-", "−")


def times(count: int) -> str:
    """How often."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def numbered(count: int, noun: str) -> str:
    """A count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
