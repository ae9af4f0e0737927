"""The Knowledge page, and the window that shows where a passage stands."""
