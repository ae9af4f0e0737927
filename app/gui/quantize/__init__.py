"""The page on which models are made smaller, and what that cost is seen."""
