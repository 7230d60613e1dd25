"""``python -m stplay``: the same as the ``stplay`` command."""

import sys

from stplay.cli import main

if __name__ == "__main__":
    sys.exit(main())
