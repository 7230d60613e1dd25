"""Folders of data as people have them: of a split a file, of the datasets library, of the Hub."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from stplay.engine.data.triplets import COLUMNS, first_rows, read_split, split_names
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter

SILENT = Stages(EventWriter(Path(os.devnull)))


def rows(*names: str) -> list[dict[str, str]]:
    """A triplet for each of ``names``."""
    return [{column: f"{name} {column}" for column in COLUMNS} for name in names]


def write(path: Path, *names: str) -> Path:
    """A Parquet file of a triplet for each of ``names``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows(*names)), path)
    return path


def anchors(folder: Path, split: str) -> list[str]:
    """Whose triplets are read."""
    found = read_split(str(folder), split, None, SILENT).rows
    return [triplet.anchor.removesuffix(" anchor") for triplet in found]


def refused(folder: Path, split: str = "train") -> str:
    """The sentence that reading ends with; that of looking at the first rows is the same."""
    with pytest.raises(UserError) as raised:
        read_split(str(folder), split, None, SILENT)
    if split == "train":
        with pytest.raises(UserError) as shown:
            first_rows(str(folder), None, 5, SILENT)
        assert shown.value.sentence == raised.value.sentence
    return raised.value.sentence


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """What ``DatasetDict.save_to_disk`` makes, the training split in two files."""
    from datasets import Dataset, DatasetDict

    folder = tmp_path / "nli"
    splits = DatasetDict()
    splits["train"] = Dataset.from_list(rows("a", "b", "c"))
    splits["test"] = Dataset.from_list(rows("x", "y", "z")).select([2, 0])
    splits.save_to_disk(folder, num_shards={"train": 2, "test": 1})
    return folder


def test_what_the_datasets_library_has_saved(saved: Path) -> None:
    assert anchors(saved, "train") == ["a", "b", "c"]
    assert anchors(saved, "test") == ["z", "x"]
    assert split_names(str(saved), (), SILENT) == ["test"]
    assert first_rows(str(saved), None, 2, SILENT).rows == 3
    assert refused(saved, "dev").endswith("; it has train, test.")


def test_one_data_set_that_was_saved_is_as_one_file(saved: Path) -> None:
    one = saved / "train"
    assert anchors(one, "train") == anchors(one, "dev") == ["a", "b", "c"]
    assert split_names(str(one), (), SILENT) == ["train"]
    assert read_split(str(one), "train", 2, SILENT).name == "nli-train"


def test_of_what_was_saved_all_has_to_be_there(saved: Path) -> None:
    second = saved / "train" / "data-00001-of-00002.arrow"
    whole = second.read_bytes()
    second.write_bytes(whole[: len(whole) // 2])
    assert f"{second} is damaged: " in refused(saved)
    second.write_bytes(b"")
    assert refused(saved) == f"{second} is empty."
    second.unlink()
    assert anchors(saved, "test") == ["z", "x"], "the other split is whole"
    assert refused(saved) == f"{second} is missing; copy the whole folder again."
    state = saved / "train" / "state.json"
    for text in ("{", "[1]", '{"_data_files": [7]}', '{"_data_files": []}', "{}", "[" * 9999):
        state.write_text(text, encoding="utf-8")
        assert refused(saved) == f"{state} is damaged; save the data set again."
    names = saved / "dataset_dict.json"
    names.write_text('{"splits": "train"}', encoding="utf-8")
    assert refused(saved) == f"{names} is damaged; save the data set again."


def test_the_hubs_layout_on_this_disk(tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    write(folder / "data" / "train-00001-of-00002.parquet", "c", "d")
    write(folder / "data" / "train-00000-of-00002.parquet", "a", "b")
    write(folder / "data" / "validation-00000-of-00001.parquet", "v")
    write(folder / ".cache" / "train-00000-of-00001.parquet", "hidden")
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Clone\n", encoding="utf-8")
    assert anchors(folder, "train") == ["a", "b", "c", "d"]
    assert anchors(folder, "dev") == ["v"]
    assert split_names(str(folder), (), SILENT) == ["dev"]
    found = first_rows(str(folder), None, 3, SILENT)
    assert [row[0] for row in found.triplets] == ["a anchor", "b anchor", "c anchor"]
    assert found.rows == 4


def test_files_of_the_hubs_names_right_in_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "train-00000-of-00001.parquet", "a")
    write(tmp_path / "test-00000-of-00001.parquet", "t")
    assert anchors(tmp_path, "train") == ["a"]
    assert refused(tmp_path, "dev").endswith("; it has test, train.")


def test_the_card_of_a_clone_tells_where_splits_are(tmp_path: Path) -> None:
    folder = tmp_path / "all-nli"
    write(folder / "triplet" / "a.parquet", "triplet")
    write(folder / "other" / "train-00000-of-00001.parquet", "other")
    card = folder / "README.md"
    configs = (
        "---\nconfigs:\n- config_name: {}\n  data_files:\n  - split: train\n    path: triplet/a*\n"
        "- config_name: other\n  data_files: other/*\n---\n"
    )
    card.write_text(configs.format("triplet"), encoding="utf-8")
    assert anchors(folder, "train") == ["triplet"]
    card.write_text(configs.format("pair"), encoding="utf-8")
    assert refused(folder) == (
        f"{folder} has the configurations pair, other; name the folder or the file of the one you "
        "want."
    )
    assert anchors(folder / "other", "train") == ["other"]
    card.write_text("---\nconfigs: [\n---\n", encoding="utf-8")
    assert f"The card of {folder} is damaged: " in refused(folder)


def test_a_file_that_is_called_after_its_split_is_taken_alone(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", "mine")
    write(tmp_path / "old" / "train-00000-of-00001.parquet", "old")
    (tmp_path / "README.md").write_text("---\nconfigs: [\n---\n", encoding="utf-8")
    assert anchors(tmp_path, "train") == ["mine"]
    assert "has no file for dev" in refused(tmp_path, "dev")


def test_files_called_after_no_split_are_not_joined(tmp_path: Path) -> None:
    for name in ("hard", "easy"):
        write(tmp_path / f"{name}.parquet", name)
    assert anchors(tmp_path, "hard") == ["hard"]
    assert split_names(str(tmp_path), ("easy",), SILENT) == ["easy"]
    assert "has no file for train" in refused(tmp_path)


def test_a_folder_of_nothing_that_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("train", encoding="utf-8")
    assert refused(tmp_path).endswith("train.parquet).")
    with pytest.raises(UserError, match=r"has no split dev or test; it has no \.jsonl"):
        split_names(str(tmp_path), (), SILENT)
