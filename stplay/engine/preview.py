"""The first rows of data, for a form: ``python -m stplay.engine.preview NAME [ROWS [COLUMNS]]``.

COLUMNS are JSON. Replies with ``FirstRows``. It reads exactly as the training will, without
importing torch.
"""

from __future__ import annotations

import json
import sys

from stplay.engine.worker.libraries import quiet_libraries
from stplay.engine.worker.replies import Replies, reply
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.sources.datasources import OwnNames
from stplay.sources.firstrows import FirstRows

SHOWN = 20


def preview(name: str, rows: int | None, columns: OwnNames | None, stages: Stages) -> FirstRows:
    """The first rows of the training split of data ``name``.

    Raises:
        UserError: they cannot be read.
    """
    from stplay.engine.data.triplets import first_rows

    try:
        return first_rows(name, rows, SHOWN, stages, columns)
    except OSError as error:  # the disk's, such as a cache that cannot be written
        raise UserError(f"{name} cannot be read: {error}") from error


def main() -> int:
    """Reply with the first rows of the data named on the command line."""
    quiet_libraries()
    name, rows, columns = [*sys.argv[1:], "", ""][:3]

    def work(replies: Replies) -> FirstRows:
        return preview(
            name, int(rows) if rows else None, json.loads(columns or "{}"), Stages(replies)
        )

    return reply(work)


if __name__ == "__main__":
    sys.exit(main())
