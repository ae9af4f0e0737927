"""Where models are published: Hugging Face and ModelScope, each through its own client library."""
