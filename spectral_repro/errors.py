"""Errors that are the user's to mend: one line, no traceback."""


class UserError(Exception):
    """A message that names what is wrong, its value and what is allowed."""


class ConfigError(UserError):
    """A configuration value that is not allowed; the message reads ``key=value: what is allowed``."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{key}={'null' if value is None else value}: {allowed}")
