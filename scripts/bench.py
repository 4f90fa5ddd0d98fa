#!/usr/bin/env python
"""Measures speed on this machine: bench.py [--device cuda] [--results-dir DIR] [--quick]."""

from spectral_repro.bench.command import main

if __name__ == "__main__":
    main()
