"""Rows of results: how they are kept, joined and averaged, and what made them."""
