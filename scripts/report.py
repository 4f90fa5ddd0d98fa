#!/usr/bin/env python
"""Writes results/REPORT.md from the rows in results/: report.py [--profile quick] [--results-dir DIR]."""

from spectral_repro.report.command import main

if __name__ == "__main__":
    main()
