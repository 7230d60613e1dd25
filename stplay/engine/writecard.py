"""The process that writes cards: ``python -m stplay.engine.writecard EVALUATION_FOLDER``.

It prints one line for each model.
"""

from __future__ import annotations

import sys
from pathlib import Path

from stplay.engine.evaluation.modelcard import write_results
from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation


def main() -> int:
    """Write the figures of the evaluation folder named on the command line."""
    try:
        sentences = write_results(Evaluation(Path(sys.argv[1])).summary())
    except UserError as error:
        print(error.sentence)
        return error.exit_code
    for sentence in sentences:
        print(sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
