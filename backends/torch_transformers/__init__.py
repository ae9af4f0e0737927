"""The engine for safetensors, AWQ and compressed-tensors checkpoints, on torch and transformers."""
