"""How a model is made smaller, and what it cost."""
