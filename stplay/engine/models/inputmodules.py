"""The modules of a model that read sentences, and whether the task counts to them."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from typing import Literal

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router, Transformer
from tokenizers import Tokenizer
from torch import nn

from stplay.errors import UserError

Task = Literal["query", "document"]

PROMPT_NAMES: dict[Task | None, tuple[str, ...]] = {
    None: (),
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
}


def input_modules(model: SentenceTransformer) -> list[nn.Module]:
    """The first module of ``model``, or, where that is a router, the first of each route."""
    return list(_readers(model[0]))


def reader(model: SentenceTransformer, task: Task | None) -> nn.Module | None:
    """The module that reads the sentences of ``task``, or ``None`` where no route leads to one."""
    module: nn.Module = model[0]
    while isinstance(module, Router):
        route = _route(module, task)
        if route is None:
            return None
        module = module.sub_modules[route][0]  # pyright: ignore[reportIndexIssue]
    return module


def prompt(model: SentenceTransformer, task: Task | None) -> str:
    """What the library puts before a sentence of ``task``, as its ``encode_query`` and others."""
    names = PROMPT_NAMES[task]
    name = next((name for name in names if name in model.prompts), model.default_prompt_name)
    return model.prompts.get(name or "") or ""


def max_tokens(model: SentenceTransformer) -> int | None:
    """The most tokens read of a sentence, special ones too, or ``None`` without a limit."""
    limits = [_limit(module) for module in input_modules(model)]
    return None if None in limits else max(limit for limit in limits if limit is not None)


def tells_tasks_apart(model: SentenceTransformer) -> bool:
    """Whether a query and a document of the same words may have different embeddings."""
    routers = [module for module in model.modules() if isinstance(module, Router)]
    return (
        prompt(model, "query") != prompt(model, "document")
        or any(_route(router, "query") != _route(router, "document") for router in routers)
        or any(_reads_by_task(module) for module in input_modules(model))
    )


def needs_task(model: SentenceTransformer) -> bool:
    """Whether the library's ``encode`` fails, as a router has no default route."""
    return any(
        isinstance(module, Router) and _route(module, None) is None for module in model.modules()
    )


def tasks_of_columns(model: SentenceTransformer, columns: Collection[str]) -> dict[str, str]:
    """The route of each of the ``columns`` of a training, which the library asks for.

    Raises:
        UserError: no route leads to queries and documents, nor to what is neither.
    """
    routers = [module for module in model if isinstance(module, Router)]
    if all(_route(router, task) for router in routers for task in ("query", "document")):
        tasks = {name: "query" if name == "anchor" else "document" for name in columns}
        return tasks if routers else {}
    default = next((router.default_route for router in routers), None)
    if default is None:
        raise UserError("The model has routes, but none for queries and documents, and no default.")
    return dict.fromkeys(columns, default)


def _limit(module: nn.Module) -> int | None:
    tokenizer = getattr(module, "tokenizer", None)
    if isinstance(tokenizer, Tokenizer) and tokenizer.truncation is not None:
        return tokenizer.truncation["max_length"]
    most = getattr(module, "max_seq_length", None)
    # Of a static embedding it is infinite; transformers has a number beyond all for none.
    return None if most is None or most > sys.maxsize else int(most)


def _readers(module: nn.Module) -> Iterator[nn.Module]:
    if not isinstance(module, Router):
        yield module
        return
    for route in module.sub_modules.values():
        yield from _readers(route[0])  # pyright: ignore[reportIndexIssue]


def _route(router: Router, task: Task | None) -> str | None:
    try:
        return router._resolve_route(task=task, modality="text")
    except ValueError:  # as the library's encode_query and encode_document fail then
        return None


def _reads_by_task(module: nn.Module) -> bool:
    if not isinstance(module, Transformer):
        return False
    lengths = (module.query_length, module.document_length, module.query_expansion)
    formatted = "message" in module.modality_config and module._chat_template_declares_task()
    return formatted or any(setting is not None for setting in lengths)
