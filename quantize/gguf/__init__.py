"""Smaller GGUF files, and what makes them."""
