"""The desktop program, its command line and its services."""

__version__ = "0.1.0"
