"""The similarities by which embeddings are compared, in the order in which they are shown."""

from __future__ import annotations

SIMILARITIES = ("cosine", "dot", "manhattan", "euclidean")
"""As ``TripletEvaluator`` of sentence-transformers names and orders them."""
