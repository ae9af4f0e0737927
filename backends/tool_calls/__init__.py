"""How models call tools: one module a family, all read while they stream, and a form that forces a call."""
