"""What `python -m tests.bench` says; how long something takes is not tested anywhere."""

import json

import pytest

from tests.bench.__main__ import main
from tests.bench.figures import Figure, Report, columns_of, print_reports
from tests.bench.measure import median_ratio, percentile
from tests.bench.memory import _sizes


def test_a_figure_is_told_with_its_bound() -> None:
    assert Figure("drain insert ratio", 0.918, at_least=0.8).line() == "drain insert ratio 0.92 (must be >= 0.80)"
    assert Figure("latency p50", 3.0, "ms", at_most=10.0).line() == "latency p50 3.00 ms (must be <= 10.00 ms)"
    assert Figure("memory drain", 9000.0, "rows/s").line() == "memory drain 9000.00 rows/s"


@pytest.mark.parametrize(
    ("figure", "met"),
    [
        (Figure("ratio", 0.8, at_least=0.8), True),
        (Figure("ratio", 0.79, at_least=0.8), False),
        (Figure("p50", 10.1, at_most=10.0), False),
        (Figure("for what it is worth", 0.0), True),
    ],
)
def test_a_figure_knows_whether_it_is_within_its_bound(figure: Figure, met: bool) -> None:  # noqa: FBT001
    assert figure.met is met


def test_the_figures_are_the_last_lines(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("drain", rows=[{"by": "native", "rows": 5}], figures=[Figure("ratio", 0.5, at_least=0.8)])
    print_reports([report], "two servers", as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "two servers"
    assert lines[-1] == "ratio 0.50 (must be >= 0.80)  MISSED"


def test_json_tells_whether_each_figure_is_met(capsys: pytest.CaptureFixture[str]) -> None:
    print_reports([Report("drain", figures=[Figure("ratio", 0.9, at_least=0.8)])], "two servers", as_json=True)
    [report] = json.loads(capsys.readouterr().out)["reports"]
    assert report["figures"] == [
        {"name": "ratio", "value": 0.9, "unit": "", "at_least": 0.8, "at_most": None, "met": True}
    ]


def test_a_table_has_the_columns_of_all_rows() -> None:
    assert columns_of([{"a": 1, "b": 2}, {"a": 1, "c": 3}]) == ["a", "b", "c"]


def test_percentiles_are_values_that_occurred() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, p) for p in (1, 50, 99, 100)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([7.0], 99) == 7.0


def test_the_ratio_is_taken_within_each_pair() -> None:
    assert median_ratio([(2.0, 1.0), (30.0, 10.0), (8.0, 2.0)]) == 3.0


def test_the_backlog_has_as_many_rows_as_asked_for() -> None:
    assert sum(_sizes(123_456)) == 123_456
    assert list(_sizes(3)) == [1, 1, 1]


def test_an_unknown_benchmark_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["speed"])
    assert error.value.code == 2
    assert "drain" in capsys.readouterr().err
