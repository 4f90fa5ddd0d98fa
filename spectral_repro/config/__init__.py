"""From Hydra's composition to a checked cell: one typed description of every key, and what follows from it."""
