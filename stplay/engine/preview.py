"""The first rows of a data set, for a form: ``python -m stplay.engine.preview NAME [ROWS]``.

Prints one JSON object (``rows``, ``skipped``, ``synthetic``, ``triplets``: the first few) or, with
exit code 2, one with ``error``. It reads exactly as the training will, without importing torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import msgspec

from stplay.engine.worker.libraries import quiet_libraries
from stplay.engine.worker.reader import end_with_reader
from stplay.errors import UserError
from stplay.text import printable

SHOWN = 20


class Preview(msgspec.Struct, omit_defaults=True):
    """The first triplets; ``rows`` is how many the training would use, where that is known."""

    triplets: Sequence[tuple[str, ...]] = ()
    rows: int | None = None
    skipped: int = 0
    synthetic: bool = False
    error: str | None = None


def preview(name: str, rows: int | None) -> Preview:
    """The first triplets of the training split of data ``name``."""
    from stplay.engine.data.triplets import first_rows

    try:
        found = first_rows(name, rows, SHOWN)
    except UserError as error:
        return Preview(error=error.sentence)
    except OSError as error:  # the disk's, such as a cache that cannot be written
        return Preview(error=printable(f"{name} cannot be read: {error}"))
    return Preview(
        triplets=found.triplets,
        rows=found.rows,
        skipped=found.skipped,
        synthetic=found.synthetic,
    )


def main() -> int:
    """Print the preview of the data named on the command line."""
    end_with_reader()
    quiet_libraries()
    name, *rest = sys.argv[1:]
    found = preview(name, int(rest[0]) if rest else None)
    print(msgspec.json.encode(found).decode())
    return UserError.exit_code if found.error else 0


if __name__ == "__main__":
    sys.exit(main())
