"""Data that ships with Yanmo: icons, fonts, translations, prompts and the starter model."""

from pathlib import Path


def resource_folder() -> Path:
    """The folder that holds the data."""
    return Path(__file__).parent
