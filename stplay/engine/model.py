"""The base model by name, ready to train."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from sentence_transformers import SentenceTransformer
from transformers import AutoConfig, PreTrainedTokenizerBase

from stplay import home, recipe
from stplay.engine import hub
from stplay.engine.data import Split
from stplay.engine.inputmodules import input_modules
from stplay.engine.stages import Stages
from stplay.engine.worker import is_out_of_memory
from stplay.errors import UserError
from stplay.sources import COLUMNS, check_model_folder, model_source
from stplay.text import printable

_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")
STAGE = "building the model"


class BaseModel(NamedTuple):
    """A loaded model and the full name of what it was loaded from."""

    model: SentenceTransformer
    name: str


class OpenedModel(NamedTuple):
    """A model that is not to be trained; ``revision`` is a Hub model's commit."""

    model: SentenceTransformer
    folder: Path
    revision: str | None


def open_model(name: str, *, allow_pickle: bool, stages: Stages) -> OpenedModel:
    """The model called ``name``, to encode with.

    Raises:
        UserError: the model is missing, damaged, or a pickle checkpoint.
    """
    source = model_source(name)
    revision = None
    if source.kind == "tiny":
        folder = tiny_folder(stages)
    elif source.kind == "hub":
        folder, revision = hub.model_folder(source, allow_pickle, stages)
    else:
        folder = Path(source.place)
    check_model_folder(folder, allow_pickle=allow_pickle)
    stages.progress(f"loading {printable(name)}")
    settings = recipe.Model(base=name, allow_pickle=allow_pickle)
    model = _load(folder, settings, f"model {printable(name)}")
    return OpenedModel(model.eval(), folder, revision)


def load_model(
    settings: recipe.Model, train: Split, checkpoint: Path | None, stages: Stages
) -> BaseModel:
    """The base model of a run, or the run's own model from its ``checkpoint``.

    A model that is no sentence encoder yet gets mean pooling, as the library does it.

    Raises:
        UserError: the model is missing, damaged, a pickle checkpoint, or does not fit.
    """
    if checkpoint is not None:
        stages.progress(STAGE)
        model = _load(checkpoint, settings, f"checkpoint {printable(str(checkpoint))}")
        return BaseModel(model, settings.base)
    source = model_source(settings.base)
    name = settings.base
    with TemporaryDirectory(prefix="stplay-") as temporary:
        if source.kind == "tiny" and train.synthetic:
            folder = tiny_folder(stages)
        elif source.kind == "tiny":
            sentences = [sentence for column in COLUMNS for sentence in train.triplets[column]]
            folder = _make_tiny(sentences, Path(temporary), stages)
        elif source.kind == "hub":
            folder, revision = hub.model_folder(source, settings.allow_pickle, stages)
            name = f"{source.place}@{revision}"
        else:
            folder = Path(source.place)
        check_model_folder(folder, allow_pickle=settings.allow_pickle)
        stages.progress(STAGE)
        model = _load(folder, settings, f"model {printable(settings.base)}")
    if source.kind == "hub":
        # The library's own setter asks the Hub first.
        model.model_card_data.base_model = source.place
        model.model_card_data.base_model_revision = name.rpartition("@")[2]
    return BaseModel(model, name)


def _load(folder: Path, settings: recipe.Model, shown: str) -> SentenceTransformer:
    overrides: dict[str, Any] = {}
    try:
        if settings.dropout is not None:
            config = AutoConfig.from_pretrained(str(folder))
            overrides = {name: settings.dropout for name in _DROPOUTS if hasattr(config, name)}
            if not overrides:
                raise UserError(f"The {shown} has no dropout to set; leave model.dropout out.")
        model = SentenceTransformer(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": None if settings.allow_pickle else True},
            config_kwargs=overrides,
        )
    except UserError:
        raise
    except Exception as error:  # the libraries have many names for a damaged file
        if is_out_of_memory(error):
            raise
        reason = printable(" ".join(str(error).split()))[:200]
        raise UserError(f"The {shown} cannot be loaded: {reason}") from error
    for module in input_modules(model):
        _check_tokenizer(getattr(module, "tokenizer", None), shown)
    most, wanted = _most_tokens(model), settings.max_seq_length
    if most is not None and (wanted or 0) > most:
        raise UserError(
            f"model.max_seq_length = {wanted} is more than the {most} tokens that the {shown} can "
            "read."
        )
    if most is not None and (model.max_seq_length or 0) > most:
        model.max_seq_length = most  # a tokenizer that names no limit counts positions in vain
    if wanted is not None:
        model.max_seq_length = wanted
    return model


def _check_tokenizer(tokenizer: object, shown: str) -> None:
    """Make sure that a batch can be tokenized, where that is for transformers to do."""
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        return
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        # The library makes an empty one, to which every text looks the same.
        raise UserError(f"The {shown} has no tokenizer: its folder lacks tokenizer.json.")
    if tokenizer.pad_token_id is None:
        # The library cannot pad without one. Which it is does not matter: padding is masked.
        if not tokenizer.all_special_tokens:
            raise UserError(
                f"The {shown} has no padding token, and no special token to pad with instead; name "
                "one as pad_token in its tokenizer_config.json."
            )
        names = ("eos_token", "sep_token", *tokenizer.SPECIAL_TOKENS_ATTRIBUTES)
        named = (getattr(tokenizer, name, None) for name in names)
        tokenizer.pad_token = next(
            (token for token in named if isinstance(token, str)), tokenizer.all_special_tokens[0]
        )


def _most_tokens(model: SentenceTransformer) -> int | None:
    config = getattr(getattr(model[0], "auto_model", None), "config", None)
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None:
        return None
    # The RoBERTa family counts positions from the padding id upwards.
    roberta = getattr(config, "model_type", "") in ("roberta", "xlm-roberta", "camembert", "mpnet")
    return positions - (2 if roberta else 0)


def tiny_folder(stages: Stages) -> Path:
    """The folder of ``builtin:tiny``, its tokenizer trained on the sample; made on first use."""
    from stplay.engine.sample import SAMPLE_VERSION, triplets

    folder = home.cache_folder() / "models" / f"tiny-{SAMPLE_VERSION}"
    if not (folder / "modules.json").is_file():
        sentences = [sentence for triplet in triplets("train") for sentence in triplet]
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as temporary:
            made = _make_tiny(sentences, Path(temporary) / "model", stages)
            with suppress(OSError):  # another start made it first
                made.replace(folder)
    return folder


def _make_tiny(sentences: Iterable[str], folder: Path, stages: Stages) -> Path:
    from stplay.engine.tiny import build_tiny

    stages.progress("training the tokenizer and making the model")
    build_tiny(sentences).save_pretrained(str(folder), create_model_card=False)
    return folder
