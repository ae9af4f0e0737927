"""What Yanmo remembers: conversations, attachments, presets and settings in one SQLite database."""
