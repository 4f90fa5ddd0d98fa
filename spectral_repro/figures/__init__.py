"""The paper's figures from rows of results: which rows (select), which numbers (curves), how drawn (draw)."""
