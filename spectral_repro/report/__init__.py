"""Claims and tables: rows in, words out."""
