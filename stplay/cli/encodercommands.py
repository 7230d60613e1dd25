"""The commands ``sim``, ``encoders`` and ``corpora``."""

from __future__ import annotations

import argparse

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.encoding.sentences import sentences_of
from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.similarities import SIMILARITIES


def add_to(add: AddCommand) -> None:
    """Add the commands to the command line."""
    sim_ = add("sim", sim, "Tell how similar sentences are; two of them are one number.")
    sim_.add_argument("sentences", nargs="*", metavar="SENTENCE")
    sim_.add_argument("--file", help="more sentences, one a line; without any, piped ones are read")
    sim_.add_argument(
        "--model", help="a model's name, such as run:<id>; the best at hand unless told"
    )
    sim_.add_argument(
        "--allow-pickle", action="store_true", help="trust a model that has only a pickle file"
    )
    sim_.add_argument("--metric", choices=SIMILARITIES, default=SIMILARITIES[0])
    sim_.add_argument("--format", choices=("table", "json", "csv", "npy"), default="table")
    sim_.add_argument(
        "--against",
        metavar="CORPUS",
        help="list the sentences of a corpus that are most similar: a text with one sentence a "
        "line, a .jsonl, .json, .csv, .tsv or .parquet file, or data by name",
    )
    sim_.add_argument("--column", help="the corpus's column of sentences")
    sim_.add_argument("-k", type=int, default=5, help="how many neighbours; 5 unless told")

    encoders_ = add("encoders", encoders, "List the models that are kept warm for a while.")
    encoders_.add_argument("--stop", action="store_true", help="end them now")

    corpora_ = add("corpora", corpora, "List the encoded corpora that are kept on the disk.")
    which = corpora_.add_mutually_exclusive_group()
    which.add_argument(
        "--remove", action="append", default=[], metavar="CORPUS", help="remove this one"
    )
    which.add_argument("--clear", action="store_true", help="remove all of them")


def sim(options: argparse.Namespace) -> int:
    """Print how similar sentences are, or the neighbours of sentences in a corpus."""
    from stplay.cli import sim

    if options.k < 1:
        raise UserError("-k needs a number from 1 upwards.")
    if options.column is not None and options.against is None:
        raise UserError("--column is a corpus's; name the corpus with --against.")
    sentences = sentences_of(options.file, options.sentences)
    how = (options.model, options.metric, options.format, options.allow_pickle)
    if options.against is None:
        found = sim.compare(sentences, *how)
    else:
        found = sim.search(sentences, options.against, options.column, options.k, *how)
    return _print(found, options.format)


def encoders(options: argparse.Namespace) -> int:
    """List the encoding processes, or end them."""
    from stplay.cli import sim

    return _print(sim.warm_table(options.stop))


def corpora(options: argparse.Namespace) -> int:
    """List the corpora that are kept, or remove some."""
    from stplay.cli import sim
    from stplay.encoding import corpora

    named = dict.fromkeys(corpora.find(start) for start in options.remove)
    chosen = list(named) or corpora.kept()
    removed = bool(options.remove or options.clear)
    if removed:
        for corpus in chosen:
            corpora.remove(corpus)
        corpora.remove_abandoned()
    return _print(sim.corpora_table(chosen, removed))


def _print(found: str | bytes, form: output.Form = "table") -> int:
    output.Data(form).write(found)
    return FINISHED
