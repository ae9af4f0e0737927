"""How text is generated: one promise, several engines, one child process per loaded model."""
