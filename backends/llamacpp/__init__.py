"""GGUF models through llama.cpp's C interface: nothing here is loaded before a worker process asks for it."""
