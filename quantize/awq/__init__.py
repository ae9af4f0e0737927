"""Activation-aware 4-bit quantization (AWQ) of checkpoints, layer by layer."""
