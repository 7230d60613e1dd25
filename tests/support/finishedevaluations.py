"""A finished evaluation on the disk."""

from __future__ import annotations

import msgspec
from keptresults import kept_scores, kept_triplets, summary_of

from stplay.evaluations.evaluation import Evaluation, Request
from stplay.evaluations.results import Summary

SENTENCES = [(f"anchor {n}", f"positive {n}", f"negative {n}") for n in range(4)]


def finished(*models: str, summary: Summary | None = None) -> Evaluation:
    """An evaluation on disk as its process would have left it: wrong on the last triplet."""
    evaluation = Evaluation.create(Request(["builtin:tiny"], "builtin:sample", ["dev"]))
    found = summary or summary_of(models)
    kept_triplets(evaluation.triplets_path(0), SENTENCES)
    for place in range(len(models)):
        kept_scores(evaluation.scores_path(place, 0), [0.9, 0.8, 0.7, 0.1], [0.1, 0.2, 0.3, 0.4])
    evaluation.summary_path.write_bytes(msgspec.json.encode(found))
    return evaluation
