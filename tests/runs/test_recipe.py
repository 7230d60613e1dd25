"""Recipes: read, overridden, checked, and true to the reference card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stplay.errors import UserError
from stplay.runs import recipe
from stplay.text import printable

PRESETS = ("all-nli", "sample")
# For every field, what is typed after --set, and what it means.
TYPED: dict[str, tuple[str, object]] = {
    "model.base": ("org/name@v1", "org/name@v1"),
    "model.max_seq_length": ("128", 128),
    "model.dropout": ("0.2", 0.2),
    "model.allow_pickle": ("true", True),
    "model.allow_new_weights": ("true", True),
    "data.train": ("org/data", "org/data"),
    "data.dev": ("all-nli", "all-nli"),
    "data.test": ("builtin:sample", "builtin:sample"),
    "data.train_rows": ("1_000", 1000),
    "data.dev_rows": ("7", 7),
    "data.test_rows": ("8", 8),
    "data.columns": ('{ anchor = "query" }', {"anchor": "query"}),
    "loss.scale": ("1e1", 10.0),
    "loss.similarity_fct": ("dot_score", "dot_score"),
    "loss.mini_batch_size": ("4", 4),
    "training.num_train_epochs": ("2", 2.0),
    "training.max_steps": ("10", 10),
    "training.per_device_train_batch_size": ("64", 64),
    "training.gradient_accumulation_steps": ("2", 2),
    "training.batch_sampler": ("batch_sampler", "batch_sampler"),
    "training.learning_rate": ("3e-6", 3e-6),
    "training.lr_scheduler_type": ('"cosine"', "cosine"),
    "training.warmup_ratio": ("0", 0.0),
    "training.engine": ("stock", "stock"),
    "training.optim": ("adamw_torch", "adamw_torch"),
    "training.weight_decay": ("0.01", 0.01),
    "training.adam_beta1": ("0.8", 0.8),
    "training.adam_beta2": ("0.99", 0.99),
    "training.adam_epsilon": ("1e-6", 1e-6),
    "training.max_grad_norm": ("0", 0.0),
    "training.bf16": ("true", True),
    "training.fp16": ("true", True),
    "training.use_cpu": (" true ", True),
    "training.gpus": ('["GPU-8932f937"]', ["GPU-8932f937"]),
    "training.seed": ("0", 0),
    "training.logging_steps": ("1", 1),
    "training.save_steps": ("2", 2),
    "training.save_total_limit": ("3", 3),
    "evaluation.eval_strategy": ("epoch", "epoch"),
    "evaluation.eval_steps": ("5", 5),
    "evaluation.eval_on_start": ("false", False),
    "evaluation.per_device_eval_batch_size": ("6", 6),
    "evaluation.test_at_end": ("false", False),
    "evaluation.probes": ('["a cat", "a dog"]', ["a cat", "a dog"]),
}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def complaint(source: str | Path, *overrides: str) -> str:
    """What is told of a recipe that cannot be used."""
    with pytest.raises(UserError) as told:
        recipe.load(source, overrides)
    assert "\n" not in str(told.value)
    return str(told.value)


def value_of(loaded: recipe.Recipe, field: str) -> Any:
    section, _, name = field.partition(".")
    return getattr(getattr(loaded, section), name)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_written_and_read_again_is_the_same(preset: str, tmp_path: Path):
    loaded = recipe.load(preset)
    again = recipe.load(write(tmp_path / "elsewhere" / "recipe.toml", loaded.to_toml()))
    assert again == loaded
    assert recipe.build(loaded.to_dict(), "here") == loaded


def test_the_presets_are_there_and_their_names_make_run_names():
    assert tuple(recipe.presets()) == PRESETS
    assert recipe.stem("all-nli") == "all-nli"
    assert recipe.stem("some/where/mine.toml") == "mine"


def test_the_sample_needs_no_network_and_no_gpu(home: Path):
    loaded = recipe.load("sample")
    assert loaded.model.base == "builtin:tiny"
    assert {loaded.data.train, loaded.data.dev, loaded.data.test} == {"builtin:sample"}
    assert not loaded.training.bf16
    loaded.check_sources()


@pytest.mark.parametrize("field", TYPED)
def test_set_any_field(field: str, tmp_path: Path):
    typed, meant = TYPED[field]
    loaded = recipe.load("sample", [f"{field}={typed}"])
    assert value_of(loaded, field) == meant
    assert type(value_of(loaded, field)) is type(meant)
    for other in TYPED.keys() - {field}:
        assert value_of(loaded, other) == value_of(recipe.load("sample"), other)
    assert recipe.load(write(tmp_path / "r.toml", loaded.to_toml())) == loaded


def test_every_field_is_set_in_a_test_and_told_in_words():
    fields = {
        f"{section}.{name}"
        for section, cls in recipe.SECTIONS.items()
        for name in cls.__struct_fields__
    }
    assert fields == TYPED.keys()
    for field in fields:
        assert recipe.allowed(field)


def test_a_written_recipe_tells_every_value_even_the_defaults():
    written = recipe.tomllib.loads(recipe.Recipe().to_toml())
    assert {f"{section}.{name}" for section, fields in written.items() for name in fields} == {
        field for field in TYPED if value_of(recipe.Recipe(), field) is not None
    }
    assert written["training"]["learning_rate"] == 5e-05


def test_all_fields_together_survive_being_written(tmp_path: Path):
    overrides = [f"{field}={typed}" for field, (typed, _) in TYPED.items()]
    loaded = recipe.load("sample", overrides)
    assert recipe.load(write(tmp_path / "r.toml", loaded.to_toml())) == loaded


def test_nothing_after_the_equals_sign_means_absent(tmp_path: Path):
    loaded = recipe.load("all-nli", ["data.train_rows=", "model.max_seq_length= ", "data.dev="])
    assert (loaded.data.train_rows, loaded.model.max_seq_length, loaded.data.dev) == (None,) * 3
    assert "train_rows" not in loaded.to_toml()
    assert recipe.load(write(tmp_path / "r.toml", loaded.to_toml())) == loaded


def test_a_later_override_wins_and_mends_the_file(tmp_path: Path):
    path = write(tmp_path / "r.toml", "[training]\nseed = -1\n")
    assert recipe.load(path, ["training.seed=1", "training.seed=2"]).training.seed == 2
    assert "seed = -1" in complaint(path)


def test_a_number_for_a_name_is_a_name():
    assert recipe.load("sample", ["model.base=123"]).model.base == "123"
    assert recipe.load("sample", ["data.train=2024-01-01"]).data.train == "2024-01-01"


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("training.learning_rate=nan", ["nan", "a number above 0"]),
        ("training.learning_rate=inf", ["inf", "a number above 0"]),
        ("training.learning_rate=0", ["= 0 ", "a number above 0"]),
        ("training.learning_rate=fast", ["'fast'", "a number above 0"]),
        ("training.learning_rate=true", ["True", "a number above 0"]),
        ("training.learning_rate=", ["= nothing", "a number above 0"]),
        ("training.weight_decay=-0.5", ["-0.5", "a number of at least 0"]),
        ("training.warmup_ratio=1", ["= 1 ", "at least 0 and below 1"]),
        ("training.max_steps=0", ["= 0 ", "a whole number of at least 1 or absent"]),
        ("training.max_steps=1.5", ["1.5", "a whole number of at least 1 or absent"]),
        ("training.seed=4294967296", ["4294967296", "below 4294967296"]),
        ("training.save_total_limit=1", ["= 1 ", "a whole number of at least 2 or absent"]),
        ("training.bf16=yes", ["'yes'", "true or false"]),
        ("training.bf16=1", ["= 1 ", "true or false"]),
        ("training.gpus=[0, true]", ["[0, True]", "a list of GPUs, one for each", "or absent"]),
        ("training.gpus=[]", ["[]", "a list of GPUs"]),
        ("training.gpus=0", ["= 0 ", 'such as ["GPU-8932f937"]']),
        ("training.gpus=[-1]", ["[-1]", "a list of GPUs"]),
        ('training.gpus=["\udcff"]', ["\\udcff", "a list of GPUs"]),
        ("evaluation.probes=a cat", ["'a cat'", "a list of at most 32 sentences"]),
        ("evaluation.probes=" + str(["a"] * 33), ["a list of at most 32 sentences"]),
        ('evaluation.probes=["  "]', ["['  ']", "a list of at most 32 sentences"]),
        ("evaluation.probes=" + str(["a" * 1001]), ["of at most 1,000 characters"]),
        ("evaluation.probes=", ["= nothing", "a list of at most 32 sentences"]),
        ("training.optim=sgd", ["'sgd'", '"adamw_torch", "adamw_torch_fused"']),
        ("evaluation.eval_strategy=never", ["'never'", '"no", "steps", "epoch"']),
        ("loss.scale=-1", ["-1", "a number above 0"]),
        ("model.base=", ["= nothing", "a name or path"]),
        ("model.dropout=1.0", ["1.0", "below 1 or absent"]),
        ("training.seed=" + "9" * 5000, ["999", "a whole number"]),
        ("training.learning_rate=" + "9" * 400, ["999", "a number above 0"]),
        ("loss.scale=" + "[" * 100_000, ["[[[", "a number above 0"]),
        ("data.train=/tmp/\udcff", ["'/tmp/\\udcff'", "a name or path"]),
    ],
)
def test_an_override_that_cannot_be_used(override: str, parts: list[str]):
    told = complaint("sample", override)
    assert told.startswith(f"--set {override.partition('=')[0]} = ")
    for part in parts:
        assert part in told
    assert printable(told) == told


def test_an_unknown_field_tells_those_that_are_known():
    told = complaint("sample", "training.learning_rat=1")
    assert told.startswith("--set training.learning_rat ")
    for name in recipe.TrainingSection.__struct_fields__:
        assert name in told
    told = complaint("sample", "trainig.seed=1")
    assert told.startswith("--set trainig ")
    for section in recipe.SECTIONS:
        assert section in told


@pytest.mark.parametrize("override", ["training.seed", "seed=1", "=", "", "training=1"])
def test_an_override_of_no_known_form(override: str):
    told = complaint("sample", override)
    assert "section.name=value" in told
    assert f"--set {override}" in told


def test_a_mistake_in_a_file_names_the_file_and_the_field(tmp_path: Path):
    path = write(tmp_path / "mine.toml", "[training]\nlearning_rate = nan\n")
    told = complaint(path)
    assert told.startswith(f"{path}: training.learning_rate = nan ")
    assert "a number above 0" in told


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[training]\nseeds = 1\n", ["training.seeds", "unknown", "adam_beta1"]),
        ("[extra]\na = 1\n", ["extra", "unknown", "evaluation"]),
        ("seed = 1\n", ["seed", "unknown", "sections"]),
        ("training = 5\n", ["training = 5", "a table"]),
        ("[training]\nseed = '1'\n", ["training.seed = '1'", "a whole number"]),
        ("[training]\nseed = 1.0\n[data]\ntrain = 5\n", ["training.seed", "data.train = 5"]),
        ("[training]\nlearning_rate = inf\n", ["training.learning_rate = inf", "a number above 0"]),
        ("[training.seed]\na = 1\n", ["training.seed = {'a': 1}", "a whole number"]),
        ("[model]\nbase = ''\n", ["model.base = ''", "a name or path"]),
        ('[training]\n"\\u001b[31m" = 1\n', ["training.�[31m", "unknown"]),
        ('["\\u001b[31m"]\na = 1\n', ["�[31m", "unknown"]),
        ('[training]\noptim = "\\u001b[31m"\n', ["training.optim", "adamw_torch"]),
        ('[training]\noptim = "\\u202e"\n', ["training.optim", "adamw_torch"]),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, parts: list[str]):
    told = complaint(write(tmp_path / "mine.toml", text))
    assert told.startswith(f"{tmp_path / 'mine.toml'}: ")
    for part in parts:
        assert part in told
    assert printable(told) == told


def test_every_mistake_is_told_at_once(tmp_path: Path):
    path = write(
        tmp_path / "mine.toml",
        "[training]\nseed = -1\nbf16 = 'no'\nsteps = 1\n[loss]\nscale = 0\n[extra]\n",
    )
    told = complaint(path, "evaluation.eval_steps=0", "data.train_rows=none", "foo.bar=1")
    for part in (
        "--set evaluation.eval_steps = 0 ",
        "--set data.train_rows = 'none' ",
        "--set foo is unknown",
        f"{path}: ",
        "training.seed = -1 ",
        "training.bf16 = 'no' ",
        "training.steps is unknown",
        "loss.scale = 0 ",
        "extra is unknown",
    ):
        assert told.count(part) == 1, part


def test_an_override_in_a_section_that_is_no_table(tmp_path: Path):
    told = complaint(write(tmp_path / "mine.toml", "training = 5\n"), "training.seed=1")
    assert "training = 5" in told


def test_mistakes_of_the_form_name_where_they_come_from():
    with pytest.raises(UserError, match=r"^the form: loss\.scale = 0 "):
        recipe.build({"loss": {"scale": 0}}, "the form")


def test_an_unknown_preset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    told = complaint("all-nil")
    assert "'all-nil'" in told
    assert "all-nli, sample" in told
    assert ".toml" in told
    for name in ("no\x1b[31mne", "~nobody-here/x", "x" * 5000, ""):
        told = complaint(name)
        assert printable(told) == told
        assert "all-nli, sample" in told


def test_a_file_that_is_not_there(tmp_path: Path):
    told = complaint(tmp_path / "none.toml")
    assert str(tmp_path / "none.toml") in told
    assert "No such file" in told
    (tmp_path / "folder.toml").mkdir()
    assert "folder.toml" in complaint(tmp_path / "folder.toml")


@pytest.mark.parametrize(
    "text",
    [
        b"learning_rate: 5",
        b"[training\n",
        b"\xff\xfe[\x00",
        b"\x89PNG\r\n\x1a\n\x00",
        b"a = " + b"9" * 5000,
        b"a = " + b"[" * 100_000,
        b"[training]\nseed = 1\nseed = 2\n",
        b"a = '\x1b[31m'\n",
    ],
)
def test_a_file_that_is_not_toml(tmp_path: Path, text: bytes):
    (tmp_path / "mine.toml").write_bytes(text)
    told = complaint(tmp_path / "mine.toml")
    assert f"{tmp_path / 'mine.toml'} is not TOML" in told
    assert printable(told) == told


def test_an_empty_file_is_the_defaults(tmp_path: Path):
    assert recipe.load(write(tmp_path / "empty.toml", "")) == recipe.Recipe()


def test_relative_paths_start_at_the_file_or_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipes, work = tmp_path / "recipes", tmp_path / "work"
    for folder in (recipes / "model", recipes / "triplets", work / "bare"):
        folder.mkdir(parents=True)
    path = write(
        recipes / "mine.toml",
        """
        [model]
        base = "model"
        [data]
        train = "train.jsonl"
        dev = "../dev.csv"
        test = "./triplets"
        """,
    )
    monkeypatch.chdir(work)
    for source in (path, "../recipes/mine.toml"):
        loaded = recipe.load(source)
        assert loaded.model.base == str(recipes / "model")
        assert loaded.data.train == str(recipes / "train.jsonl")
        assert loaded.data.dev == str(tmp_path / "dev.csv")
        assert loaded.data.test == str(recipes / "triplets")

    loaded = recipe.load(
        path, ["model.base=bare", "data.train=train.jsonl", "data.dev=./dev", "data.test=org/name"]
    )
    assert loaded.model.base == str(work / "bare")
    assert loaded.data.train == str(work / "train.jsonl")
    assert loaded.data.dev == str(work / "dev")
    assert loaded.data.test == "org/name"

    values = {"model": {"base": "bare"}, "data": {"train": "builtin:sample", "dev": "a.tsv"}}
    typed = recipe.resolved(values, "the form")
    assert (typed.model.base, typed.data.dev) == (str(work / "bare"), str(work / "a.tsv"))


def test_names_are_not_paths(tmp_path: Path):
    path = write(
        tmp_path / "mine.toml",
        '[model]\nbase = "run:sample-1"\n[data]\ntrain = "all-nli"\ndev = "org/name@v1"\n',
    )
    loaded = recipe.load(path)
    assert (loaded.model.base, loaded.data.train) == ("run:sample-1", "all-nli")
    assert loaded.data.dev == "org/name@v1"


def test_the_home_folder_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    loaded = recipe.load("sample", ["model.base=~/model", "data.train=~nobody-here/a.csv"])
    assert loaded.model.base == str(tmp_path / "model")
    assert loaded.data.train.endswith("a.csv")
    write(tmp_path / "mine.toml", "[training]\nseed = 7\n")
    assert recipe.load("~/mine.toml").training.seed == 7


def test_a_recipe_whose_sources_are_missing(home: Path, tmp_path: Path):
    for override, named in (
        (f"model.base={tmp_path / 'none'}", str(tmp_path / "none")),
        (f"data.train={tmp_path / 'none.csv'}", str(tmp_path / "none.csv")),
        (f"data.dev={tmp_path / 'dev.csv'}", str(tmp_path / "dev.csv")),
        (f"data.test={tmp_path / 'test.csv'}", str(tmp_path / "test.csv")),
        ("model.base=run:none-1", "none-1"),
    ):
        with pytest.raises(UserError) as told:
            recipe.load("sample", [override]).check_sources()
        assert named in str(told.value)


def test_a_pickle_folder_is_refused_until_it_is_allowed(home: Path, tmp_path: Path):
    write(tmp_path / "config.json", "{}")
    write(tmp_path / "pytorch_model.bin", "")
    overrides = [f"model.base={tmp_path}"]
    with pytest.raises(UserError, match="allow_pickle=true"):
        recipe.load("sample", overrides).check_sources()
    recipe.load("sample", [*overrides, "model.allow_pickle=true"]).check_sources()


def test_trust_in_one_model_is_none_in_another():
    assert recipe.load("all-nli").model.allow_pickle
    assert not recipe.load("all-nli", ["model.base=org/other"]).model.allow_pickle
    both = ["model.allow_pickle=true", "model.base=org/other"]
    assert recipe.load("all-nli", both).model.allow_pickle


@pytest.mark.parametrize(
    "typed",
    ["9" * 5000, f"0x{'f' * 5000}", f"[0x{'f' * 5000}]", "1e999"],
    ids=["decimal", "hexadecimal", "list", "float"],
)
@pytest.mark.parametrize("field", ["training.seed", "training.learning_rate", "data.train_rows"])
def test_a_number_of_thousands_of_digits_is_a_mistake_in_one_short_line(
    field: str, typed: str
) -> None:
    with pytest.raises(UserError, match=f"{field} = .* cannot be used") as error:
        recipe.load("sample", [f"{field}={typed}"])
    assert len(error.value.sentence) < 400
