"""README and docs/: links lead somewhere, commands and programs run, tables say what the rows say."""

import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from spectral_repro.results.statistics import difference
from tests import pages
from tests.conftest import ROOT, run_cli, write_images
from tests.pages import PAGES, blocks

DOCS = [page for page in PAGES if page != "README"]
#: What is committed below results/ and read by a page's commands.
NEEDED = {"tables": ["results.csv"], "experiments": ["rates.yaml"]}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    found = pages.links(PAGES[page])
    for file, anchor in found:
        target = (PAGES[page].parent / file).resolve() if file else PAGES[page]
        assert target.exists(), file
        assert not anchor or anchor in pages.anchors(target), f"{file}#{anchor}"
    assert found or page in ("trackers",)


def test_the_readme_names_every_page_and_its_question():
    lines = re.findall(r"^\| \[(\w+)\]\(docs/(\w+)\.md\) \| (.*\?) \|$", PAGES["README"].read_text(), re.MULTILINE)
    assert [name for name, *_ in lines] == [name for _, name, _ in lines]
    assert sorted(name for name, *_ in lines) == sorted(DOCS)
    for page in DOCS:
        assert re.match(r"# .*\?\n", PAGES[page].read_text()), page


def test_the_readme_is_short():
    assert len(PAGES["README"].read_bytes()) <= 10_000


def test_nothing_is_said_on_two_pages():
    """No line of a table and no command with options stands twice, but in README, which shows the first steps."""
    seen = {}
    for page in DOCS:
        for line in PAGES[page].read_text().splitlines():
            if len(line) > 50 and not set(line) <= set("|- "):
                assert seen.setdefault(line, page) == page, line


def test_the_page_of_keys_is_the_generated_one():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import docs
    finally:
        sys.path.pop(0)
    for name, text in docs.pages().items():
        assert (ROOT / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize("page", PAGES)
def test_what_stands_in_the_text_as_a_command_is_one(page, tmp_path):
    for command in pages.inline_commands(page):
        program, *arguments = pages.words_of(command)
        if program == "make":
            pages.run_command(command, tmp_path)
        elif "=" in command and "-m" not in arguments[1:] and "key=value" not in command:
            pages.compose(arguments, tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_the_page_runs_from_top_to_bottom(page, tmp_path):
    """Files are written, commands and programs run in one folder, in their order; what follows as text is printed."""
    write_images(tmp_path / "my_images", per_class=100, side=28)
    (tmp_path / "results").mkdir()
    for name in NEEDED.get(page, ()):
        shutil.copy(ROOT / "results" / name, tmp_path / "results")
    printed, done = [], {}
    for number, block in enumerate(blocks(page)):
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
        if block.language == "python":
            name = f"block_{number}"
            (tmp_path / f"{name}.py").write_text(block.text)
            printed.append(pages.run_program(name, tmp_path))
        elif block.language == "sh":
            done |= {line: pages.run_command(line, tmp_path) for line in block.text.splitlines() if line}
        elif block.language == "text" and printed:
            assert_like(printed[-1], block.text)
    CHECKS.get(page, lambda *_: None)(printed)
    assert done or printed or page in ("differences",)


def assert_like(printed: str, shown: str) -> None:
    """The same words, and numbers that differ by at most 3 %, as between processors."""
    numbers = r"\d[\d,]*\.?\d*"
    assert re.sub(numbers, "#", printed).split() == re.sub(numbers, "#", shown).split()
    of = [[float(n.replace(",", "")) for n in re.findall(numbers, text)] for text in (printed, shown)]
    assert of[0] == pytest.approx(of[1], rel=0.03)


def check_adapters(printed):
    _, *said = printed  # the first block is the file that the others import
    assert len(said) == 3
    assert len(set(said)) == 1


def check_layers(printed):
    classes, parametrizations, attention = printed
    assert "4500 of 5000 weights are silenced" in classes
    assert "Linear(in_features=784, out_features=500, bias=True)" in classes
    first = 784 + 500 + 500 + (500 + round(0.1 * 500 * 499 / 2))
    assert f"{first + 5010} of 397510" in classes
    assert "torch.Size([144]) torch.Size([32]) torch.Size([82]) torch.Size([144, 32])" in parametrizations
    assert "3.parametrizations.weight.original2" in parametrizations
    left, whole = map(int, attention.split(" of "))
    assert left < whole / 4


def check_tables(printed):
    lines = printed[0].splitlines()
    assert any(line.split()[:1] == ["500"] and line.split()[-1] == "10" for line in lines), lines


CHECKS = {"adapters": check_adapters, "layers": check_layers, "tables": check_tables}


def test_experiments_of_ones_own(tmp_path):
    """Each of the page's files has as many cells as the page says."""
    for block in blocks("experiments"):
        if block.file:
            path = tmp_path / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text)
    for name, cells in (("small", 1), ("sizes", 6), ("compare", 6)):
        done = run_cli("--config-dir", "my_conf", f"experiment={name}", "data=mnist5k", "plan=true", cwd=tmp_path)
        expected = cells // 2 if name == "sizes" else cells  # of one of its two data sets
        assert re.match(rf"{expected} cells?: 0 done, {expected} to train", done.stdout), done.stderr


def test_from_another_program(tmp_path):
    (block,) = (b for b in blocks("sweeps") if b.language == "python")
    (tmp_path / block.file).write_text(block.text)
    command = [sys.executable, block.file, "method=sqr"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout == "sqr 100\n"


def test_a_new_method_is_one_file_and_one_yaml():
    files = {b.file: b.text for b in blocks("own")}
    assert len((files["my_methods.py"] + files["my_conf/method/rank_one.yaml"]).splitlines()) < 40


def test_rho_of_the_table_of_methods():
    from spectral_repro.training.network import direct_parameters
    from tests.training.test_network import METHODS, count

    sizes, seen = (784, 500, 10), 0
    for line in PAGES["methods"].read_text().splitlines():
        found = re.match(r"\| `(\w+)` \|.*\| ([\d.]+) \|$", line)
        if found and found.group(1) in METHODS:
            text, seen = found.group(2), seen + 1
            digits = len(text.partition(".")[2])
            assert round(count(found.group(1), sizes) / direct_parameters(sizes), digits) == float(text), line
    assert seen == 5


def test_the_tables_of_groups_name_every_file():
    """Each method and masking of conf/ has a line, each experiment is named."""
    for page, group in (
        ("methods", "method"),
        ("methods", "masking"),
        ("methods", "data"),
        ("experiments", "experiment"),
    ):
        text = PAGES[page].read_text()
        for path in (ROOT / "conf" / group).glob("*.yaml"):
            figure = re.match(r"fig\d\d$", path.stem)
            assert figure or re.search(rf"^\|.*`{path.stem}\b", text, re.MULTILINE), path.stem


def test_the_table_of_differences_has_the_numbers_of_the_rows():
    frame = pd.read_csv(ROOT / "results/results.csv", low_memory=False)
    frame = frame[(frame["data"] == "mnist") & (frame["seed"] < 1000) & (frame["max_epochs"] == 90)]
    options = frame["options"].fillna("").str
    for method, code, text, places in (
        ("sqr", frame["core"] == "full", (frame["core"] == "triangular") & (frame["p"] == 1), [(100, 0), (500, 0)]),
        ("ssvd", options.contains("gaussian"), options.contains("orthogonal"), [(100, 0), (500, 0)]),
        ("direct", options.contains("bias"), ~options.contains("bias"), [(500, 0.9), (500, 0.99)]),
    ):
        said = [shown(gain(frame[frame["method"] == method], code, text, *place)) for place in places]
        assert f"{', '.join(said)} |" in PAGES["differences"].read_text(), said


def gain(frame, code, text, n2, sparsity):
    """Accuracy of the code's variant less that of the text, of networks of one size at the published rates."""
    sized = (frame["n2"] == n2) & (frame["sparsity"] == sparsity) & (frame["hidden_layers"] == 1)
    sized &= (frame["optimizer"] == ("adam" if sparsity else "adamax")) & frame["rates"].isin(["published", "both"])
    sized &= frame["masking"].fillna("cutoff").eq("cutoff") & frame["allocation"].fillna("uniform").eq("uniform")
    both = [frame[sized & which.reindex(frame.index)] for which in (code, text)]
    assert [part["config_hash"].nunique() for part in both] == [1, 1]
    return difference(*(dict(zip(part["seed"], part["test_accuracy"], strict=True)) for part in both))


def shown(measured) -> str:
    low, high = measured.interval()
    return f"{measured.value:+.3f}".replace("-", "−") + " (holds 0)" * (low < 0 < high)


def test_the_tables_of_fine_tuning_are_those_of_its_rows():
    rows = pd.read_csv(ROOT / "results/finetune.csv")
    text = PAGES["adapters"].read_text().partition("## How good is it?")[2]
    lines = re.findall(r"^\| .*? \| ([\d,]+) \| ([\d.]+) ± ([\d.]+) \|$", text, re.MULTILINE)
    groups = rows.groupby(["network", "kind"]).agg(
        count=("trained_parameters", "first"), mean=("accuracy_rotated", "mean"), std=("accuracy_rotated", "std")
    )
    assert sorted(lines) == sorted((f"{c:,}", f"{m:.4f}", f"{s:.4f}") for c, m, s in groups.itertuples(index=False))
    for _, own in rows.groupby("network"):
        for column in ("accuracy_upright_before", "accuracy_rotated_before"):
            assert f"{own[column].mean():.4f}" in text
