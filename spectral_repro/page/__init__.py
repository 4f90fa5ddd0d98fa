"""The page: one file for a browser with claims, figures, leaderboard, curves, hubs and the origin of every row."""
