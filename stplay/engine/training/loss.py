"""The cached loss over packed sentences, which embeds a batch once where it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.losses.gradcache import RandContext
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from sentence_transformers.util import cos_sim, dot_score
from torch import Tensor

from stplay.engine.models.inputmodules import input_modules
from stplay.engine.packed.packing import Packing
from stplay.engine.training.capture import Capture
from stplay.engine.training.embedder import Embedder
from stplay.engine.training.recall import OutputRecall, OutputRecorder
from stplay.engine.worker.ranks import ALONE, Ranks
from stplay.runs.recipesections import LossSection

LIBRARY_MINI_BATCH = 32

Similarity = Callable[[Tensor, Tensor], Tensor]
LIBRARY_SIMILARITIES: dict[str, Similarity] = {"cos_sim": cos_sim, "dot_score": dot_score}


def library_loss(model: SentenceTransformer, settings: LossSection) -> torch.nn.Module:
    """The library's loss, cached where a batch goes through ``model`` in pieces."""
    similarity = LIBRARY_SIMILARITIES[settings.similarity_fct]
    if not reads_in_pieces(model):
        return losses.MultipleNegativesRankingLoss(model, settings.scale, similarity)
    mini_batch_size = settings.mini_batch_size or LIBRARY_MINI_BATCH
    return losses.CachedMultipleNegativesRankingLoss(
        model, settings.scale, similarity, mini_batch_size
    )


def reads_in_pieces(model: SentenceTransformer) -> bool:
    """Whether a batch can go through ``model`` in pieces; to a static embedding it is one."""
    return not any(isinstance(module, StaticEmbedding) for module in input_modules(model))


class PackedRankingLoss(losses.CachedMultipleNegativesRankingLoss):
    """The library's ``CachedMultipleNegativesRankingLoss``, for packed batches.

    A batch that comes as one packing is embedded once, with its gradients. One that comes as
    several goes the library's way of gradient caching (Gao et al., 2021,
    https://huggingface.co/papers/2101.06983), a packing at a time; the activations of the first are
    kept until its gradients come, so that it is embedded once too, and what the second forward of
    the others costs most is recalled. The loss is the same.

    Of several processes, each embeds its share of a batch, and computes the loss of the whole.
    """

    def __init__(
        self,
        embed: Embedder,
        scale: float,
        similarity_fct: Similarity,
        mini_batch_size: int,
        most_recalled: int = 0,
        columns: int = 3,
        ranks: Ranks = ALONE,
    ) -> None:
        """``mini_batch_size`` rows of scores are looked at together.

        A row of a batch has ``columns``: an anchor, a positive, and any number of negatives. About
        ``most_recalled`` bytes may be held for second forwards.
        """
        super().__init__(embed.packed.model, scale, similarity_fct, mini_batch_size)
        self.ranks = ranks
        self.embed = embed
        self.columns = columns
        self.most_recalled = most_recalled
        self.capture: Capture | None = None
        self._recorded = 0

    def forward(self, sentence_features: Any, labels: Any = None) -> Tensor:
        """The loss of packings that are all anchors, all positives, then negative by negative.

        ``labels`` are the numbers of sentences that each rank has of it, where it is shared out.
        """
        packings: list[Packing] = list(sentence_features)
        if len(packings) == 1:
            embed = self.capture or self.embed
            return self.calculate_loss([[embed(packings[0])]], labels)
        if not packings:  # a batch of fewer sentences than ranks; whatever comes goes backward
            return self.calculate_loss([[self._nothing()]], labels)
        # To the library each packing is a column of one row, so that it never splits one.
        columns: list[Any] = [{"packing": packing, "cu_seq_lens_q": (0, 1)} for packing in packings]
        columns[0]["is_kept"] = True
        self._recorded = 0
        return self.forward_cached(columns, labels)

    def _nothing(self) -> Tensor:
        """The embeddings of no sentences, (0, dimensions)."""
        with self.model.truncate_embeddings(None):
            dimensions = self.model.get_embedding_dimension()
        return torch.empty(0, dimensions, device=self.model.device, requires_grad=True)

    def exchange_nothing(self, counts: Sequence[int]) -> None:
        """Give the other ranks what they wait for, where the own share could not be embedded."""
        with torch.no_grad():
            nothing = self._nothing()
            own = nothing.new_zeros(counts[self.ranks.rank], nothing.shape[1])
            self.ranks.gathered(own, counts)

    def embed_minibatch(
        self,
        sentence_feature: dict[str, Any],
        begin: int,
        end: int,
        with_grad: bool,
        copy_random_state: bool,
        random_state: RandContext | None = None,
    ) -> tuple[Tensor, RandContext | None]:
        """The embeddings of one packing, (sentences, dimensions), and the random state before."""
        if with_grad:
            return self._embed_again(sentence_feature, random_state), None
        packing: Packing = sentence_feature["packing"]
        if not copy_random_state:  # nor will gradients be asked for
            with torch.no_grad():
                return self.embed(packing), None
        begun = RandContext(packing.ids)
        if "is_kept" in sentence_feature:
            sentence_feature["kept"] = self.embed(packing)
            return sentence_feature["kept"], begun
        recorder = OutputRecorder() if self._recorded < self.most_recalled else None
        with torch.no_grad(), recorder or nullcontext():
            embeddings = self.embed(packing)
        if recorder is not None:
            sentence_feature["recorded"] = recorder.outputs
            self._recorded += recorder.nbytes
        return embeddings, begun

    def _embed_again(
        self, sentence_feature: dict[str, Any], random_state: RandContext | None
    ) -> Tensor:
        """The embeddings of one packing with their gradients."""
        if "kept" in sentence_feature:
            return sentence_feature.pop("kept")
        recorded = sentence_feature.pop("recorded", None)
        recalling = nullcontext() if recorded is None else OutputRecall(recorded)
        with random_state or nullcontext(), torch.enable_grad(), recalling:
            return self.embed(sentence_feature["packing"])

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Any = None, *, with_backward: bool = False
    ) -> Tensor:
        """The library's loss, a single number, of embeddings in parts of (sentences, dimensions).

        Together, and with those of the other ranks where there are ``labels``, they are all
        anchors, all positives, then negative by negative.
        """
        embeddings = torch.cat([part for parts in reps for part in parts])
        if labels is not None:
            embeddings = self.ranks.gathered(embeddings, labels)
        return self.of_columns(embeddings.chunk(self.columns), with_backward=with_backward)

    def of_columns(self, columns: Sequence[Tensor], *, with_backward: bool = False) -> Tensor:
        """The library's loss, a single number, of columns of shape (rows, dimensions)."""
        parts = [[column] for column in columns]
        return super().calculate_loss(parts, with_backward=with_backward)
