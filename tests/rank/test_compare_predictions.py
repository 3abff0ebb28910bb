from pathlib import Path

import pytest
from fakes import write_predictions

from rewardsearch.errors import UserError
from rewardsearch.rank import compare_predictions, read_predictions
from rewardsearch.rank.predictions import same_answer


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1,000", "1000.0"),
        ("1000", "1e3"),
        (" 7 ", "+7"),
        ("-0.5", "-.50"),
        ("1,234,567.0", "1234567"),
        ("Yes", " yES\n"),
        ("STRASSE", "straße"),
    ],
)
def test_equal_answers(a: str, b: str) -> None:
    assert same_answer(a, b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1,00", "100"),
        ("7", "seven"),
        ("1_000", "1000"),
        ("inf", "Infinity"),
        ("9007199254740993", "9007199254740992"),
        ("5", "5%"),
    ],
)
def test_unequal_answers(a: str, b: str) -> None:
    assert not same_answer(a, b)


def test_rows_are_matched_by_id_in_whatever_order(tmp_path: Path) -> None:
    a = write_predictions(tmp_path / "a.jsonl", [(1, "7", "7"), (2, "1,000", 1000.0), (3, "yes", "no")])
    b = write_predictions(tmp_path / "b.jsonl", [("3", "YES", "yes"), ("2", 1000, None), ("1", 7.0, "")])
    result = compare_predictions(read_predictions(a), read_predictions(b))
    assert (result.n, result.a.accuracy, result.b.accuracy) == (3, pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert (result.b.unparsed, result.b.wrong) == (2, 0)
    assert (result.mcnemar.only_a, result.mcnemar.only_b, result.mcnemar.both, result.mcnemar.neither) == (2, 1, 0, 0)
    assert result.difference.accuracy == pytest.approx(1 / 3)


def test_missing_null_and_blank_predictions_are_unparsed(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"id": 1, "gold": 5}\n{"id": 2, "gold": 5, "prediction": null}\n\n{"id": 3, "gold": 5, "prediction": "  "}\n'
        '{"id": 4, "gold": 5, "prediction": NaN}\n{"id": 5, "gold": 5, "prediction": 5}\n'
    )
    rows = read_predictions(path)
    side = compare_predictions(rows, rows).a
    assert (side.unparsed, side.correct, side.parse_rate) == (4, 1, 0.2)


def test_ids_in_one_file_only_are_an_error(tmp_path: Path) -> None:
    a = read_predictions(write_predictions(tmp_path / "a.jsonl", [(1, 7, 7), (2, 7, 7)]))
    b = read_predictions(write_predictions(tmp_path / "b.jsonl", [(1, 7, 7), (3, 7, 7)]))
    with pytest.raises(UserError) as error:
        compare_predictions(a, b)
    of_first, of_second = error.value.mistakes
    assert "first file only, such as 2" in of_first and "second file only, such as 3" in of_second


def test_gold_that_differs_between_the_files_is_an_error(tmp_path: Path) -> None:
    a = read_predictions(write_predictions(tmp_path / "a.jsonl", [(1, 7, 7), (2, "1,000", 7)]))
    b = read_predictions(write_predictions(tmp_path / "b.jsonl", [(1, 8, 7), (2, 1000, 7)]))
    with pytest.raises(UserError, match=r"gold differs between the files for 1 ids, such as 1 \('7' and '8'\)"):
        compare_predictions(a, b)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense\n", "a.jsonl line 1: not JSON"),
        ('[{"id": 1, "gold": 1, "prediction": 1}]', "one JSON array"),
        ('{"id": 1, "gold": 1, "pred": 1}\n', "no prediction in any row; it has: id, gold, pred"),
        ('{"doc_id": 1, "target": "1", "filtered_resps": ["1"]}\n', "no id and no gold and no prediction in any row"),
        ('{"id": 1, "gold": null, "prediction": 1}\n', "line 1: no gold"),
        ('{"id": "", "gold": 1, "prediction": 1}\n', "line 1: no id"),
        ('{"id": 1, "gold": [1], "prediction": 1}\n', "line 1: gold is a list"),
        ('{"id": 1, "gold": "nan", "prediction": 1}\n', "line 1: gold: got the gold answer 'nan'"),
        ('{"id": 1, "gold": 1, "prediction": 1, "prediction": 2}\n', "line 1: not JSON (the key 'prediction'"),
        ('{"id": 1, "gold": 1, "prediction": 1}\n{"id": "1", "gold": 1}\n', "line 2: the id '1' comes twice"),
        ("\n", "no rows in"),
    ],
)
def test_mistakes_of_a_file_are_told_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(text)
    with pytest.raises(UserError) as error:
        read_predictions(path)
    assert said in str(error.value)


def test_predictions_are_read_in_every_unicode_encoding_and_another_is_told_with_its_line(tmp_path: Path) -> None:
    text = '{"id": 1, "gold": "3", "prediction": 3}\n{"id": 2, "gold": "3 €"}\n'
    path = tmp_path / "a.jsonl"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le"):
        path.write_text(text, encoding=encoding)
        assert [row.gold for row in read_predictions(path)] == ["3", "3 €"]
    path.write_text(text, encoding="cp1252")
    with pytest.raises(UserError, match=r"a\.jsonl line 2: not UTF-8 \(byte 0x80\)"):
        read_predictions(path)


def test_many_mistakes_are_counted_after_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("x\n" * 9)
    with pytest.raises(UserError) as error:
        read_predictions(path)
    assert len(error.value.mistakes) == 6 and "4 more" in error.value.mistakes[-1]


def test_a_missing_file_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="No such file"):
        read_predictions(tmp_path / "none.jsonl")
