"""The short table: one line per cell, with what tells cells apart and nothing that says nothing."""

from spectral_repro.runner.table import print_table
from tests.config.test_config import cell
from tests.results.test_rows import ROW


def rows(*accuracies: float, **changes):
    return [ROW.model_copy(update={"seed": i, "test_accuracy": a, **changes}) for i, a in enumerate(accuracies)]


def test_accuracy_spread_and_count(capsys):
    print_table([(cell("method=sqr", "n2=70"), rows(0.9, 0.92, 0.94, rho=0.25, epochs=7, p=1.0))])
    header, line = capsys.readouterr().out.splitlines()
    assert header.split() == ["method", "data", "N2", "accuracy", "n", "rho", "epochs", "s/net"]
    assert line.split()[:9] == ["S-QR", "mnist5k", "70", "0.9200", "±", "0.0200", "3", "0.25", "7.0"]


def test_variants_of_one_method_are_told_apart(capsys):
    cells = [cell("method=ssvd"), cell("method=ssvd", "method.basis=gaussian"), cell("method=direct")]
    print_table([(c, rows(0.9)) for c in cells])
    labels = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:]]
    assert labels == ["S-SVD basis=orthogonal", "S-SVD basis=gaussian", "direct"]


def test_sparsity_and_p_have_columns_where_they_matter(capsys):
    cells = [cell("method=sqr", "method.p=0.5"), cell("method=sqr", "sparsity=0.9")]
    print_table([(cells[0], rows(0.9, p=0.5)), (cells[1], rows(0.8, p=1.0))])
    header = capsys.readouterr().out.splitlines()[0].split()
    assert header[3:5] == ["s", "p"]
    print_table([(c, rows(0.9)) for c in (cell("method=sqr"), cell("method=sqr", "method.p=0.5"))])
    assert [line.split()[3] for line in capsys.readouterr().out.splitlines()] == ["p", "1", "0.5"]


def test_cells_without_rows_are_left_out(capsys):
    print_table([(cell("method=sqr"), [])])
    assert len(capsys.readouterr().out.splitlines()) == 1
