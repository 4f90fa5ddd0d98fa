"""Errors that are the user's to mend: one line, no traceback."""

import contextlib
import difflib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


class UserError(Exception):
    """A message that names what is wrong, its value and what is allowed."""


class ConfigError(UserError):
    """A configuration value that is not allowed; the message reads ``key=value: what is allowed``.

    Args:
        key: as on the command line, for instance ``trainer.lr``.
        value: as it was understood.
        allowed: what it may be.
    """

    def __init__(self, key: str, value: object, allowed: str) -> None:
        if isinstance(value, str) and re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|true|false|null", value):
            value, allowed = f'"{value}"', f"{allowed} (without quotes)"
        self.key, self.allowed = key, allowed
        super().__init__(f"{key}={as_typed(value)}: {allowed}")

    def __reduce__(self):
        return _unpickled, (str(self), self.key, self.allowed)


def _unpickled(text: str, key: str, allowed: str) -> "ConfigError":
    error = ConfigError(key, None, allowed)
    error.args = (text,)
    return error


def as_typed(value: object, quoted: bool = False) -> str:
    """A value as it stands on a command line; ``quoted``: as Hydra is sure to read it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return "[" + ",".join(as_typed(v, quoted) for v in value) + "]"
    if quoted and isinstance(value, str | Path) and not str(value).isidentifier():
        return '"' + str(value).replace('"', '\\"') + '"'
    return str(value)


def interrupted(error: BaseException | None) -> bool:
    """Whether a library has turned an interruption into this error."""
    while error and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``; did you mean …?`` with that of ``known`` which differs least from ``name``, or nothing.

    Differences of case, of leading zeros (``fig1``), and a missing group (``lr`` of ``trainer.lr``) are the least.
    """

    def bare(text: str) -> str:
        return re.sub(r"0+(\d)", r"\1", text.lower())

    others = [k for k in sorted(known) if k != name]
    same = [k for k in others if bare(k) == bare(name)] + [k for k in others if k.endswith(f".{name}")]
    close = same or difflib.get_close_matches(name.lower(), others, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


@contextlib.contextmanager
def told_in_one_line(program: str) -> Iterator[None]:
    """Ends the process with exit code 2 and one line for an error that is the user's to mend."""
    try:
        yield
    except UserError as error:
        print(f"{program}: {error}", file=sys.stderr)
        sys.exit(2)
