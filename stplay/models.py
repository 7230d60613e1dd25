"""The models that are at hand: what to offer wherever one is chosen."""

from __future__ import annotations

from typing import NamedTuple

from stplay import runs, sources

CARD_MODEL = "mics-nlp/xlm-roberta-small-all-nli-triplet"
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
UNTRAINED = "builtin:tiny"
MOST_RUNS = 5


class OfferedModel(NamedTuple):
    """A model's name and what it is, in a few words; ``here`` where it needs no download."""

    name: str
    words: str
    here: bool


def offered() -> list[OfferedModel]:
    """The models to choose from, the best at hand first; reads the disk, so not for a paint."""
    found = [
        OfferedModel(f"run:{summary.run}", "a finished run", True)
        for summary in runs.summaries()
        if summary.status == "completed"
    ][:MOST_RUNS]
    if sources.has_minilm():
        found.append(OfferedModel("builtin:minilm", "all-MiniLM-L6-v2, packaged", True))
    cached = cached_hub_models()
    found += [OfferedModel(name, "in the Hub cache", True) for name in cached]
    found.append(OfferedModel(UNTRAINED, "built in, untrained", True))
    found += [
        OfferedModel(name, words, False)
        for name, words in ((CARD_MODEL, "the card's own, a download"), (MINILM, "a download"))
        if name not in cached
    ]
    return found


def cached_hub_models() -> list[str]:
    """The sentence encoders in the Hub's cache, the one used last first."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repositories = scan_cache_dir().repos
    except CacheNotFound:
        return []
    encoders = [
        repository
        for repository in repositories
        if repository.repo_type == "model"
        and any(
            file.file_name == "modules.json"
            for revision in repository.revisions
            for file in revision.files
        )
    ]
    newest_first = sorted(encoders, key=lambda repository: repository.last_accessed, reverse=True)
    return [repository.repo_id for repository in newest_first]
