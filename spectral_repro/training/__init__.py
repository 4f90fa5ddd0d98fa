"""All realizations of a cell trained at once, each exactly as it would be alone; knows tensors and layers only."""
