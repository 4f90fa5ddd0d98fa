#!/usr/bin/env python
"""Draws figures from the rows in results/: plot.py [fig05 …] [--profile quick] [--results-dir DIR]."""

from spectral_repro.figures.command import main

if __name__ == "__main__":
    main()
