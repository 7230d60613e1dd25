"""The base model by name, ready to train."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, NamedTuple

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Transformer, WordEmbeddings
from torch import nn
from transformers import AutoConfig, PreTrainedTokenizerBase

from stplay import home
from stplay.engine.data import hub
from stplay.engine.data.triplets import Split
from stplay.engine.models import loading, unknowntokens
from stplay.engine.models.inputmodules import input_modules
from stplay.engine.models.loading import LoadedModel
from stplay.engine.worker.outofmemory import is_out_of_memory
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs import folders
from stplay.runs import recipe
from stplay.sources.modelfolders import check_model_folder, model_parts
from stplay.sources.modelsources import model_source
from stplay.sources.names import HubName, RunName
from stplay.text import printable

_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout")
_POSITIONS = ("position_embeddings", "position_embedding", "embed_positions", "wpe")
STAGE = "building the model"

Purpose = Literal["encode", "train", "resume"]


class BaseModel(NamedTuple):
    """A loaded model and the full name of what it was loaded from; ``notes`` are for the log."""

    model: SentenceTransformer
    name: str
    notes: list[str]

    @property
    def parameters(self) -> int:
        """The number of its weights."""
        return sum(parameter.numel() for parameter in self.model.parameters())


class OpenedModel(NamedTuple):
    """A model that is not to be trained, in the ``precision`` that it is stored in.

    ``revision`` is a Hub model's commit.
    """

    model: SentenceTransformer
    folder: Path
    revision: str | None
    precision: str


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
    if RunName.of(name):
        folders.check_whole(folder)
    stages.progress(f"loading {printable(name)}")
    settings = recipe.ModelSection(base=name, allow_pickle=allow_pickle)
    model, precision, _ = _load(folder, settings, f"model {printable(name)}", "encode")
    return OpenedModel(model.eval(), folder, revision, precision)


def load_model(
    settings: recipe.ModelSection, train: Split, checkpoint: Path | None, stages: Stages
) -> BaseModel:
    """The base model of a run, or the run's own model from its ``checkpoint``.

    A model that is no sentence encoder yet gets mean pooling, as the library does it. It is in
    single precision whatever it is stored in, as the library used to have it: half as precise, a
    weight stays where it is while its changes are below what it can tell apart.

    Raises:
        UserError: the model is missing, damaged, a pickle checkpoint, or does not fit.
    """
    if checkpoint is not None:
        stages.progress(STAGE)
        shown = f"checkpoint {printable(str(checkpoint))}"
        loaded = _load(checkpoint, settings, shown, "resume")
        return BaseModel(loaded.model, settings.base, _notes(loaded, "checkpoint"))
    source = model_source(settings.base)
    name, revision = settings.base, None
    with TemporaryDirectory(prefix="stplay-") as temporary:
        if source.kind == "tiny" and train.synthetic:
            folder = tiny_folder(stages)
        elif source.kind == "tiny":
            sentences = [
                sentence for column in train.columns for sentence in train.triplets[column]
            ]
            folder = _make_tiny(sentences, Path(temporary), stages)
        elif source.kind == "hub":
            folder, revision = hub.model_folder(source, settings.allow_pickle, stages)
            name = str(HubName(source.place, revision))
        else:
            folder = Path(source.place)
        check_model_folder(folder, allow_pickle=settings.allow_pickle)
        if RunName.of(settings.base):
            folders.check_whole(folder)
        stages.progress(STAGE)
        shown = f"model {printable(settings.base)}"
        loaded = _load(folder, settings, shown, "train")
    model = loaded.model
    if source.kind == "hub":
        # The library's own setter asks the Hub first.
        model.model_card_data.base_model = source.place
        model.model_card_data.base_model_revision = revision
    return BaseModel(model, name, _notes(loaded, "base model"))


def _notes(loaded: LoadedModel, what: str) -> list[str]:
    """What people should know of a model that is to be trained."""
    notes = []
    if loaded.stored != "float32":
        notes.append(f"The {what} is stored in {loaded.stored}; it is trained in float32.")
    if loaded.faults:
        notes.append(f"Of the {what}, {loaded.faults}.")
    return notes


def _load(folder: Path, settings: recipe.ModelSection, shown: str, purpose: Purpose) -> LoadedModel:
    overrides: dict[str, Any] = {}
    try:
        if settings.dropout is not None:
            overrides = _dropouts(folder, settings.dropout)
        loaded = loading.load(
            folder, allow_pickle=settings.allow_pickle, config=overrides, single=purpose != "encode"
        )
    except Exception as error:  # the libraries have many names for a damaged file
        if is_out_of_memory(error):
            raise
        told = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        reason = printable(" ".join(told.split()))[:200]
        raise UserError(f"The {shown} cannot be loaded: {reason}") from error
    # The library's ``config_kwargs`` go unheard where a configuration has none of them.
    if settings.dropout is not None and not overrides:
        raise UserError(f"The {shown} has no dropout to set; leave model.dropout out.")
    model = loaded.model
    _check_weights(loaded, settings, shown, purpose)
    for module in input_modules(model):
        _check_tokenizer(getattr(module, "tokenizer", None), shown)
        _limit_tokens(module, settings.max_seq_length, shown)
    unknowntokens.refuse(model, shown)
    return loaded


def _dropouts(folder: Path, dropout: float) -> dict[str, float]:
    """The settings of dropout in the configurations of transformers in ``folder``."""
    configs: list[Any] = []
    for part in model_parts(folder):
        with suppress(OSError, ValueError):  # of another module, or told when it is loaded
            configs.append(AutoConfig.from_pretrained(str(part)))
    return {name: dropout for name in _DROPOUTS if any(hasattr(each, name) for each in configs)}


def _limit_tokens(module: Any, wanted: int | None, shown: str) -> None:
    """Let ``module`` read as many tokens as are ``wanted``, and no more than it can."""
    most = _most_tokens(module)
    # The library would take it, and end in an IndexError at the first longer sentence.
    if wanted is not None and most is not None and wanted > most:
        raise UserError(
            f"model.max_seq_length = {wanted} is more than the {most} tokens that the {shown} can "
            "read."
        )
    if wanted is not None and not isinstance(module, (Transformer, WordEmbeddings)):
        # What else the library has reads whole sentences.
        raise UserError(f"The {shown} has no limit of tokens; leave model.max_seq_length out.")
    own = getattr(module, "max_seq_length", None)
    if most is not None and own is not None and own > most:
        module.max_seq_length = most  # a tokenizer that names no limit counts positions in vain
    if wanted is not None:
        module.max_seq_length = wanted


def _check_weights(
    loaded: LoadedModel, settings: recipe.ModelSection, shown: str, purpose: Purpose
) -> None:
    """Make sure that the weights are those that were saved, and such that can be trained."""
    if purpose != "encode" and loading.is_quantized(loaded.model):
        raise UserError(
            f"The {shown} is quantized, and cannot be trained; take the one that it was made from."
        )
    if not loaded.faults or (purpose == "train" and settings.allow_new_weights):
        return
    advice = "take a whole copy of it, or save it again from what made it"
    if purpose == "train":
        advice += "; to train it all the same: --set model.allow_new_weights=true"
    raise UserError(f"The {shown} cannot be loaded: {loaded.faults}; {advice}.")


def _check_tokenizer(tokenizer: object, shown: str) -> None:
    """Make sure that a batch can be tokenized, where that is for transformers to do."""
    if not isinstance(tokenizer, PreTrainedTokenizerBase):
        return
    if len(tokenizer) <= len(tokenizer.all_special_ids):
        # The library makes an empty one, to which every text looks the same.
        raise UserError(f"The {shown} has no tokenizer: its folder lacks tokenizer.json.")
    if tokenizer.pad_token_id is None:
        # The library's tokenizer ends in a ValueError. Which one it is does not matter: padding is
        # masked.
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


def _most_tokens(module: object) -> int | None:
    """What the table of positions holds: beyond it the library ends in an IndexError."""
    network = getattr(module, "auto_model", None)
    for name, table in network.named_modules() if isinstance(network, nn.Module) else ():
        if isinstance(table, nn.Embedding) and name.rpartition(".")[2] in _POSITIONS:
            # The RoBERTa family counts from the padding id upwards, BART's from an offset.
            padding = table.padding_idx
            before = getattr(table, "offset", 0) if padding is None else padding + 1
            return table.num_embeddings - int(before)
    return None


def tiny_folder(stages: Stages) -> Path:
    """The folder of ``builtin:tiny``, its tokenizer trained on the sample; made on first use."""
    from stplay.engine.data.sample import SAMPLE_VERSION, triplets

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
    from stplay.engine.models.tiny import build_tiny

    stages.progress("training the tokenizer and making the model")
    build_tiny(sentences).save_pretrained(str(folder), create_model_card=False)
    return folder
