"""Errors are recognised by their codes, never by words in their text."""

import errno
import sqlite3
from pathlib import Path

import pytest
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from marsam.batch.cache import ResultCache
from marsam.errors import JournalError, ModelDamaged, is_disk_full, map_model_errors
from marsam.journal.journal import Journal


def test_a_full_disk_is_recognised_by_its_code_through_causes() -> None:
    outer = RuntimeError("a library's own error")
    outer.__cause__ = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert is_disk_full(outer)
    assert is_disk_full(OSError(errno.ENOSPC, "No space left on device"))
    assert not is_disk_full(OSError(errno.EACCES, "No space left on device"))
    assert not is_disk_full(None)


def test_a_full_sqlite_database_is_a_full_disk() -> None:
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA max_page_count=2")
        database.execute("CREATE TABLE lines (text)")
        with pytest.raises(sqlite3.OperationalError) as caught:
            database.execute("INSERT INTO lines VALUES (?)", ("x" * 10_000,))
    database.close()
    assert is_disk_full(caught.value)


@pytest.mark.parametrize("name", ["workspace", "full", "No space left"])
def test_a_path_with_such_a_word_in_it_is_not_a_full_disk(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a file where a folder should be")
    for storage in (lambda path: ResultCache(path / "captions.db"), Journal):
        with pytest.raises(JournalError) as caught:
            storage(tmp_path / name)
        assert type(caught.value) is JournalError


def test_an_index_out_of_range_in_a_model_is_one_sentence() -> None:
    with (
        pytest.raises(ModelDamaged, match="translating: index out of range"),
        map_model_errors("translating"),
    ):
        raise IndexError("index out of range in self")


def test_a_tokenizer_that_gives_up_is_a_damaged_model(capfd: pytest.CaptureFixture[str]) -> None:
    """Its error, PanicException, is no Exception, and would end the thread of a server's worker."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("(a+)+$"), "isolated")
    with pytest.raises(ModelDamaged, match="retry-limit"), map_model_errors("translating"):
        tokenizer.encode("a" * 2000 + "!")


def test_an_interrupt_is_no_error_of_a_model() -> None:
    with pytest.raises(KeyboardInterrupt), map_model_errors("painting"):
        raise KeyboardInterrupt
