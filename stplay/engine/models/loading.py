"""A model from its folder, and what of its weights is not as it was saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import safe_open
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer
from transformers import PreTrainedModel

POOLER = "pooler"
# What older versions of transformers saved, and newer ones compute.
BUFFERS = ("position_ids", "token_type_ids", "inv_freq")
MOST_NAMED = 2
# Of numbers as safetensors calls them; whole numbers are buffers, or quantized and told apart.
PRECISIONS = {"F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64"}


class Report(NamedTuple):
    """What transformers tells of a ``network`` that it has loaded from ``folder``."""

    network: PreTrainedModel
    folder: Path
    missing: set[str]
    unexpected: set[str]
    mismatched: set[tuple[str, torch.Size, torch.Size]]


class LoadedModel(NamedTuple):
    """A model, the precision that it is ``stored`` in, and what is wrong with its weights."""

    model: SentenceTransformer
    stored: str
    faults: str


def load(
    folder: Path, *, allow_pickle: bool, config: Mapping[str, Any], single: bool = False
) -> LoadedModel:
    """The model in ``folder``, in the precision it is stored in or, to be trained, in ``single``.

    ``config`` replaces settings of the networks' own configurations. Whatever the libraries raise
    of a damaged folder goes on to the caller.
    """
    named: dict[str, Any] = {"dtype": torch.float32} if single else {}
    with _reports() as reports:
        model = SentenceTransformer(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={
                "use_safetensors": None if allow_pickle else True,
                "ignore_mismatched_sizes": True,  # told with all else that does not fit
                **named,
            },
            config_kwargs=dict(config),
        )
    stored = _stored(model, reports) if single else precision(model)
    if single:
        model.float()
    return LoadedModel(model, stored, _faults(model, reports))


def precision(model: SentenceTransformer) -> str:
    """What the weights of ``model`` are held in, such as float16; most of them in the first."""
    counts: Counter[str] = Counter()
    for weight in model.parameters():
        counts[_name(weight.dtype)] += weight.numel()
    return " and ".join(name for name, _ in counts.most_common()) or _name(torch.float32)


def is_quantized(model: SentenceTransformer) -> bool:
    """Whether weights of ``model`` are whole numbers with a scale, which nothing can train."""
    return any(getattr(module, "hf_quantizer", None) is not None for module in model.modules())


@contextmanager
def _reports() -> Iterator[list[Report]]:
    """The reports of all networks loaded meanwhile, at whatever depth of whichever module.

    transformers tells them to whoever asks; sentence-transformers, which calls it, does not.
    """
    found: list[Report] = []
    original: Any = PreTrainedModel.__dict__["from_pretrained"]

    def from_pretrained(
        cls: type, path: Any, *arguments: Any, output_loading_info: bool = False, **named: Any
    ) -> Any:
        network, told = original.__func__(cls, path, *arguments, output_loading_info=True, **named)
        folder = Path(str(path), named.get("subfolder") or "")
        keys = ("missing_keys", "unexpected_keys", "mismatched_keys")
        found.append(Report(network, folder, *(set(told[key]) for key in keys)))
        return (network, told) if output_loading_info else network

    setattr(PreTrainedModel, "from_pretrained", classmethod(from_pretrained))  # noqa: B010
    try:
        yield found
    finally:
        setattr(PreTrainedModel, "from_pretrained", original)  # noqa: B010


def _faults(model: SentenceTransformer, reports: list[Report]) -> str:
    """What would be made up or left out, beyond what is usual and changes nothing."""
    pools = any(
        "pooler_output" in str(way["method_output_name"])
        for module in model.modules()
        if isinstance(module, Transformer)
        for way in module.modality_config.values()
    )
    missing, other, left_out = [], [], []
    for report in reports:
        missing += [key for key in report.missing if pools or POOLER not in key.split(".")]
        other += [
            f"{key}, {list(saved)} instead of {list(wanted)}"
            for key, saved, wanted in report.mismatched
            if pools or POOLER not in key.split(".")
        ]
        left_out += [key for key in report.unexpected if _is_inside(report.network, key)]
        if report.missing:  # then these may be the same by another name
            left_out += [key for key in report.unexpected if key.endswith(tuple(report.missing))]
    parts = [
        _words(missing, "missing, and made up at random"),
        _words(other, "of another shape, and made up at random"),
        _words(set(left_out), "not known to it, and left out"),
    ]
    return ", ".join(part for part in parts if part)


def _is_inside(network: PreTrainedModel, key: str) -> bool:
    """Whether the weight ``key`` belongs to a part of ``network``; of a head it does not."""
    parts = key.removeprefix(f"{network.base_model_prefix}.").split(".")
    own = {name for name, _ in network.named_children()}
    return parts[0] in own - {POOLER} and parts[-1] not in BUFFERS


def _words(keys: Collection[str], what: str) -> str:
    if not keys:
        return ""
    first = sorted(keys)[:MOST_NAMED]
    more = "; ..." if len(keys) > len(first) else ""
    is_ = "weight is" if len(keys) == 1 else "weights are"
    return f"{len(keys):,} {is_} {what} ({'; '.join(first)}{more})"


def _stored(model: SentenceTransformer, reports: list[Report]) -> str:
    """What the files hold the weights of ``model`` in, which was loaded in single precision."""
    counts: Counter[str] = Counter()
    loaded = set()
    for report in reports:
        loaded.update(report.network.parameters())
        counts += _in_files(report.folder)
    for weight in model.parameters():
        # Modules after a network follow it; what they were stored in nobody can tell any more.
        if weight not in loaded and not (reports and weight.dtype == torch.float32):
            counts[_name(weight.dtype)] += weight.numel()
    return " and ".join(name for name, _ in counts.most_common()) or _name(torch.float32)


def _in_files(folder: Path) -> Counter[str]:
    """How many numbers the files of weights in ``folder`` hold of each precision."""
    counts: Counter[str] = Counter()
    for path in folder.glob("model*.safetensors"):
        with safe_open(path, "pt") as file:
            for key in file.keys():  # noqa: SIM118  it is no dict
                weight = file.get_slice(key)
                if name := PRECISIONS.get(weight.get_dtype()):
                    counts[name] += torch.Size(weight.get_shape()).numel()
    if counts:
        return counts
    for path in folder.glob("pytorch_model*.bin"):  # the caller was allowed to read it
        for weight in torch.load(path, "meta", weights_only=True).values():
            if weight.is_floating_point():
                counts[_name(weight.dtype)] += weight.numel()
    return counts


def _name(kind: torch.dtype) -> str:
    return str(kind).removeprefix("torch.")
