"""The figures of an evaluation, written into the models' own cards."""

from __future__ import annotations

import traceback
from pathlib import Path

import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from stplay.errors import UserError
from stplay.evaluations.results import METRICS, EvaluatedModel, Summary
from stplay.sources.modelsources import model_source
from stplay.sources.paths import public_name
from stplay.text import printable


def write_results(summary: Summary) -> list[str]:
    """Write what ``summary`` found into the card of each model that is in a folder of the user's.

    Returns a sentence for each model. The text of a card stays as it is; of the same metric on the
    same data the newest figure stands. Source: ``ModelCardData.eval_results`` of huggingface_hub.
    """
    return [_write(summary, model) for model in summary.rated()]


def _write(summary: Summary, model: EvaluatedModel) -> str:
    name = printable(model.name)
    try:
        source = model_source(model.name)
        if source.kind != "folder":
            return f"{name} is not a folder of yours; its card is left as it is."
        path = Path(source.place) / "README.md"
        card = ModelCard.load(path) if path.is_file() else ModelCard("---\n{}\n---\n")
        assert isinstance(card.data, ModelCardData)
        new = _results(summary, model)
        replaced = {(result.dataset_name, result.metric_type) for result in new}
        card.data.model_name = card.data.model_name or Path(source.place).name
        card.data.eval_results = [
            result
            for result in card.data.eval_results or []
            if (result.dataset_name, result.metric_type) not in replaced
        ] + new
        card.save(path)
    except UserError as error:
        return error.sentence
    except OSError as error:
        return f"The card of {name} cannot be written: {error.strerror}."
    except (ValueError, TypeError, yaml.YAMLError) as error:
        return f"The card of {name} is damaged: {printable(str(error))}"
    except Exception as error:  # unforeseen: the other cards are written, and the figures kept
        traceback.print_exception(error)
        reason = printable(traceback.format_exception_only(error)[0].strip())
        return f"The card of {name} cannot be written: {reason}"
    return f"The figures are in {printable(str(path))}"


def _results(summary: Summary, model: EvaluatedModel) -> list[EvalResult]:
    return [
        EvalResult(
            task_type="triplet",
            task_name="Triplet",
            dataset_type=public_name(split.data),
            dataset_name=split.label,
            dataset_split=split.split,
            dataset_revision=split.revision,
            metric_type=metric,
            metric_name=metric.replace("_", " ").title(),
            metric_value=round(result.accuracies[metric].value, 4),
        )
        for split in summary.splits
        if (result := summary.result(model.name, split.split)) is not None
        for metric in METRICS
    ]
