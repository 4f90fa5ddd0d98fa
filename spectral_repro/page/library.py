"""The plotting library as text: Vega, Vega-Lite and vega-embed, from the wheel of ``vl-convert-python``."""

import functools

from spectral_repro.errors import UserError


@functools.cache
def vega_script() -> str:
    """JavaScript that defines ``vegaEmbed``; needs no network.

    Raises:
        UserError: if the extra ``page`` is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise UserError("the page needs a package: pip install 'spectral-repro[page]'") from error
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
