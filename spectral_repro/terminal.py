"""What all commands share of a terminal: characters that it may not have, ``--version``, ``--results-dir``."""

import argparse
import codecs
import io
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from spectral_repro.version import __version__

#: How a terminal that has no such characters shows them.
_PLAIN = {
    **{"±": "+-", "−": "-", "–": "-", "×": "x", "·": "*", "≤": "<=", "≥": ">=", "…": "...", "→": "->", "√": "sqrt"},
    **{"λ": "lambda", "φ": "phi", "ρ": "rho", "Σ": "Sigma", "ξ": "xi", "ℓ": "l", "“": '"', "”": '"', "’": "'"},
}


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error("plain", _plain)


def speak_plainly() -> None:
    """Lets this process print ``±`` as ``+-`` where the terminal cannot show it, instead of ending with an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def counted(n: int, noun: str) -> str:
    """``1 cell``, ``2 cells``."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def parser_of(description: str) -> argparse.ArgumentParser:
    """Of one of our commands, with ``--results-dir`` and ``--version``."""
    speak_plainly()
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--version", action="version", version=version_line(parser.prog))
    parser.add_argument(
        "--results-dir", type=Path, default=Path("results"), help="where the rows are; default: results"
    )
    return parser


def version_line(program: str) -> str:
    """What ``--version`` prints: ours, and the versions of what decides numbers; nothing heavy is imported."""
    others = ", ".join(f"{name} {version(name)}" for name in ("torch", "hydra-core"))
    return f"{program} {__version__} ({others}, Python {platform.python_version()})"
