"""The process that writes cards: ``python -m stplay.engine.writecard EVALUATION_FOLDER``.

Replies with ``CardsWritten``. A card is written as a whole, whether anybody still waits or not.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stplay.engine.evaluation.modelcard import write_results
from stplay.engine.worker.replies import Replies, reply
from stplay.evaluations.evaluation import Evaluation
from stplay.evaluations.writtencards import CardsWritten


def main() -> int:
    """Write the figures of the evaluation folder named on the command line."""

    def work(replies: Replies) -> CardsWritten:
        return CardsWritten(sentences=write_results(Evaluation(Path(sys.argv[1])).summary()))

    return reply(work, outlives=True)


if __name__ == "__main__":
    sys.exit(main())
