#!/usr/bin/env python
"""Joins the rows of all cells into results/results.csv: collect.py [--results-dir DIR]."""

from spectral_repro.results.collect import main

if __name__ == "__main__":
    main()
