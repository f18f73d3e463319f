"""``python -m compresslab``."""

from compresslab.cli import main

if __name__ == "__main__":
    main()
