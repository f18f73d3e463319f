"""`.clz` files: any file in independent chunks, checked on every byte. The format is specified in docs/format.md."""
