"""The embedded model of bytes, the same on every machine."""
