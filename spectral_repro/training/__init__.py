"""All realizations of a cell trained at once, each, to rounding, as alone; knows tensors and layers only."""
