"""Templates of the report: text with places for what was computed."""

import functools
from typing import Any

import jinja2

from spectral_repro.report import formats


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("spectral_repro.report"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {
        "interval": formats.interval,
        "gap": formats.gap,
        "listed": formats.listed,
        "signed": formats.signed,
        "percent": lambda share, digits=0: f"{100 * share:.{digits}f} %",
    }
    return environment


def render(template: str, **values: Any) -> str:
    """One of ``templates/`` with these values; a value that the template lacks is an error."""
    return _environment().get_template(template).render(**values)
