"""Pure text work: Markdown blocks, mathematics, export and import. No Qt, no database."""
