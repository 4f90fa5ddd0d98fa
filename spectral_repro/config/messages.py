"""Errors of Hydra in one line each: the key, its value, what is allowed."""

import re
from collections.abc import Sequence

from hydra.errors import MissingConfigException, OverrideParseException

from spectral_repro.config.keys import GROUPS, described
from spectral_repro.errors import ConfigError, UserError, did_you_mean


def one_line(error: BaseException, arguments: Sequence[str] = ()) -> str:
    """What to tell the user, who typed ``arguments``; of an error in our own code, its type too."""
    if isinstance(error.__cause__, UserError):  # Hydra wraps what its plugins say
        error = error.__cause__
    if isinstance(error, ConfigError):
        typed = [a for a in arguments if a.lstrip("+~").partition("=")[0] == error.key]
        return f"{typed[0]}: {error.allowed}" if typed and typed[0][0] in "+~" else str(error)
    if isinstance(error, UserError):
        return str(error)
    text = " ".join(str(error).split())
    if isinstance(error, MissingConfigException) and (found := re.search(r"Could not find '([\w/]+)/([^']+)'", text)):
        group, name = found.groups()
        names = sorted(error.options or [])  # of folders of the user's, too
        return f"{group}={name}: must be one of {', '.join(names)}{did_you_mean(name, names)}"
    if found := re.search(r"Cannot find primary config '([^']+)'", text):
        return f"--config-name={found[1]}: there is no {found[1]}.yaml in conf/ or in the folder of --config-dir"
    if found := re.search(r"Primary config (?:module|directory) '?(\S+?)'? not found", text):
        given = " ".join(a for a in arguments if a.startswith(("--config-path", "-cp")))
        return f"{given}: is not needed here; --config-dir DIR adds files of your own"
    if found := re.search(r"Could not override '([^']+)'", text):
        key = found.group(1)
        if "@experiment." in key:
            return f"{key.partition('@')[0]}: the file of the experiment must begin with the line '# @package _global_'"
        of_another = "is no key of this method or data"
        guess = "" if key.startswith("hydra.") else did_you_mean(key, [*GROUPS, *described()])
        what = of_another if key in described() else f"is no key{guess}"
        tried = re.search(rf"\+{re.escape(key)}=(\S+)", text)
        return f"{key}={tried.group(1) if tried else '?'}: {what} (spectral-repro --help lists the keys)"
    if found := re.search(r"Ambiguous value for argument '([^=]+)=([^']*)'", text):
        key, value = found.groups()
        return f"{key}={value}: several values need a sweep: spectral-repro -m {key}={value}"
    if isinstance(error, OverrideParseException) or "LexerNoViableAlt" in text:
        lexer = text.partition(": ")[2].partition(" ^ ")[0]
        key, given, value = (getattr(error, "override", None) or lexer).partition("=")
        advice = (
            f"put quotes around the value, and others around them: '{key}=\"{value}\"'" if given else "needs =value"
        )
        return f"{key}{given}{value}: cannot be read; {advice}"
    if type(error).__module__.startswith(("hydra", "omegaconf")):
        return text
    return f"{type(error).__name__}: {text} (HYDRA_FULL_ERROR=1 shows the trace)"
