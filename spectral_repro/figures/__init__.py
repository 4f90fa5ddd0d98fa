"""The paper's figures from rows of results: which rows (catalogue, select), which numbers (curves), how drawn (draw)."""
