"""The version, which modules read without the package that imports them."""

__version__ = "0.1.0"
