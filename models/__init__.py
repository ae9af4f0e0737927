"""What a model is, where it lies, and how it arrives. Standard library only at import."""
