#!/usr/bin/env python
"""Writes results/page/index.html from the rows in results/: page.py [--results-dir DIR]."""

from spectral_repro.page.command import main

if __name__ == "__main__":
    main()
