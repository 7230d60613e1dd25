"""The fields of a recipe as people fill them in, and recipes saved as files of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_recipe import TYPED

from stplay.errors import UserError
from stplay.runs import recipe
from stplay.runs.recipe import Recipe
from stplay.runs.recipefields import recipe_fields, with_words, written
from stplay.runs.recipefile import recipe_path, save_recipe


@pytest.mark.parametrize("name", TYPED)
def test_what_is_written_is_read_as_the_same(name: str) -> None:
    field, value = recipe_fields()[name], TYPED[name][1]
    assert recipe.parse_value(name, written(value)) == value
    assert recipe.parse_value(name, written(field.default)) == field.default
    assert field.help.endswith(".")
    if field.choices:
        assert written(field.default) in field.choices


def test_fields_are_found_by_words_of_their_name_and_of_their_help() -> None:
    assert {*recipe_fields()} == {*TYPED}
    assert [field.title for field in with_words("LOSS mini")] == ["mini_batch_size"]
    assert "training.lr_scheduler_type" in [field.name for field in with_words("warm-up")]
    assert len(with_words("")) == len(TYPED)


def test_a_recipe_is_saved_once_and_replaced_only_where_that_is_meant(tmp_path: Path) -> None:
    chosen = recipe.load("sample", ["training.learning_rate=2e-4"])
    path = recipe_path(f"{tmp_path}/mine")
    save_recipe(chosen, path, replace=False)
    assert recipe.load(path) == chosen
    with pytest.raises(UserError, match=r"There is a file .*mine.toml already"):
        save_recipe(Recipe(), path, replace=False)
    save_recipe(Recipe(), path, replace=True)
    assert recipe.load(path) == Recipe()
    with pytest.raises(UserError, match="cannot be saved as"):
        save_recipe(Recipe(), tmp_path / "no" / "mine.toml", replace=False)
    assert [each.name for each in tmp_path.iterdir()] == ["mine.toml"]
    for name in ("", str(tmp_path), "a/"):
        with pytest.raises(UserError, match="Name a file"):
            recipe_path(name)
