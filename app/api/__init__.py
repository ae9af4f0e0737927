"""The localhost server: one engine, spoken to in the dialects that other programs know."""
