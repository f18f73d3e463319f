"""compresslab: what fine-tuning does to the data a language model was trained on, measured in bits."""

__version__ = "0.1.0"
