"""Finding passages: cutting documents into them, indexing them, and ranking them for a question."""
