"""``python -m stplay`` and ``stplay``: the command line, which may be interrupted at once."""

import sys


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        from stplay.cli import main as cli
    except KeyboardInterrupt:  # before anything was begun
        from stplay.cli import output
        from stplay.exitcodes import INTERRUPTED, NOTHING_STARTED

        output.remark(NOTHING_STARTED)
        return INTERRUPTED
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
