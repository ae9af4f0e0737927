"""Documents as text with places: one module a format, read in a child process that may fail without harm."""
