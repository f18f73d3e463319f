"""Data: from files and texts to a :class:`~compresslab.data.dataset.Dataset` of tokens."""
