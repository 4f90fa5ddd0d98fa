"""What training needs, imported once by the process that those of a sweep are forked from."""

from contextlib import suppress

from spectral_repro.runner import job, processes  # noqa: F401

with suppress(Exception):  # one that does not fit this torch is of no matter where the images come from elsewhere
    import torchvision.datasets  # noqa: F401
