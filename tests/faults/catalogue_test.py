"""Every row of docs/faults.md that is about calls is tested, or the page says why it is not."""

import re

from protos import REPOSITORY

ROWS = {*range(1, 47), *range(75, 89)}
MOST_UNTESTED = 6
PAGE = (REPOSITORY / "docs/faults.md").read_text()
TEST = re.compile(r"^ *(?:async )?def test_row_(\d\d)_\w+\(", re.MULTILINE)


def rows_of(text):
    return [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]


def rows_that_are_tested():
    files = (REPOSITORY / "tests").rglob("*_test.py")
    return {int(row) for file in files for row in TEST.findall(file.read_text())}


def test_every_row_is_tested_or_said_not_to_be():
    listed, _, untested = PAGE.partition("\n## Not tested\n")
    untested = rows_of(untested)
    assert sorted(rows_of(listed)) == sorted(ROWS)
    assert len(untested) <= MOST_UNTESTED
    assert rows_that_are_tested() & ROWS == ROWS - set(untested)
