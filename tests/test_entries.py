"""Slips in params/datasets.yaml: each is one sentence that says where it is and what to do."""

import pytest

from lib.datasets.entries import load_entries
from lib.errors import BadData

GOOD = "layout: folder, folder: ours, normal: healthy, abnormal: fracture, body: chest"

MURA = "layout: mura, folder: MURA-v1.1, body: limb"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("   x:\n     layout: folder\n", r"line \d+, cannot be read as YAML: indent its lines as"),
        (f"\tx: {{{GOOD}}}\n", r"line \d+, cannot be read as YAML: indent with spaces"),
        (f"  x: {{{GOOD}, view: A:P}}\n", r"line \d+, .* a value with a colon in quotes"),
        (f"  x: {{{GOOD}}}\n  x: {{{GOOD}}}\n", r"line \d+, .* two entries have one name"),
        (f'  x: {{{GOOD}, patient: "^(p\\d+)_"}}\n', r"line \d+, .* in single quotes"),
        (f"  x: {{{GOOD}\n", r"line \d+, cannot be read as YAML: .* close every bracket"),
        ("  x:\n", "x is empty: write `layout`"),
        ("  x: folder\n", "x is empty: write `layout`"),
        (f"  x: {{{GOOD.replace('folder: ours', 'folder: null')}}}\n", "`folder: null`: write a"),
        (f"  x: {{{GOOD.replace('folder: ours', 'folder: []')}}}\n", "has `folder: "),
        (f"  x: {{{GOOD}, images: none}}\n", "has `images: none`: write settings"),
        (f"  x: {{{GOOD}, patient: 7}}\n", "has `patient: 7`: write a regular expression"),
        (f"  x: {{{GOOD}, patient: '(a'}}\n", r"`patient: \(a` is not a regular expression"),
        (f"  x: {{{GOOD}, study: '*'}}\n", "`study: .*` is not a regular expression"),
        (f"  x: {{{GOOD}, view: [AP, PA]}}\n", "has `view: .*: write a word"),
        (f"  x: {{{GOOD.replace('healthy', '')}}}\n", "has `normal: null`: write a folder or a gl"),
        (f"  x: {{{GOOD.replace('healthy', '.')}}}\n", r"has `normal: \.`: write a folder or a gl"),
        (f"  x: {{{GOOD.replace('healthy', '[]')}}}\n", r"has `normal: \[\]`: write a folder"),
        (f"  x: {{{GOOD}, parts: [hand]}}\n", "unknown key `parts`: .*, or the layout mura"),
        (f"  x: {{{MURA}, parts: [foot]}}\n", r"has `parts: .*foot.*`: write a list of elbow, fi"),
        (f"  x: {{{MURA}, parts: hand}}\n", "has `parts: hand`: write a list of elbow, finger"),
        (f"  x: {{{MURA}, parts: []}}\n", "has `parts: .*`: write a list of elbow, finger"),
        (
            f"  x: {{{GOOD}, shares: 0.3}}\n",
            "has `shares: 0.3`: write shares of the films, as {val",
        ),
        (f"  x: {{{GOOD}, shares: {{train: 0.7}}}}\n", "has `shares: .*`: write shares of the fil"),
        (
            f"  x: {{{GOOD}, shares: {{validation: 0.5, test: 0.5}}}}\n",
            "has `shares: .*`: write sh",
        ),
        (f"  2024: {{{GOOD}}}\n", "'2024' cannot name a data set"),
        (f"  our films: {{{GOOD}}}\n", "'our films' cannot name a data set"),
        (f"  our/films: {{{GOOD}}}\n", "'our/films' cannot name a data set"),
        (f"  -x: {{{GOOD}}}\n", "'-x' cannot name a data set"),
        (f"  röntgen: {{{GOOD}}}\n", "'röntgen' cannot name a data set"),
        (f"  x: {{{GOOD}}}\n  X: {{{GOOD}}}\n", "x and X differ only in case"),
        (f"  - {{{GOOD}}}\n", "`datasets` is a list"),
        (f"x: {{{GOOD}}}\n", "x is not indented: put it below `datasets:`"),
    ],
)
def test_slips_of_yaml(tmp_path, text, sentence):
    (tmp_path / "params").mkdir()
    good = "  good: {layout: rsna, folder: rsna, body: chest}\n"
    start = f"datasets:\n{'' if text.startswith('  -') and text[4] == '{' else good}"
    (tmp_path / "params/datasets.yaml").write_text(start + text)
    with pytest.raises(BadData, match=sentence) as raised:
        load_entries(tmp_path)
    assert str(raised.value).startswith("params/datasets.yaml") and "\n" not in str(raised.value)


def test_a_file_that_is_no_yaml_or_no_text(tmp_path):
    (tmp_path / "params").mkdir()
    file = tmp_path / "params/datasets.yaml"
    for content in (b"\xff\xfe\x00", "datasets: {x: {folder: Röntgen}}".encode("latin-1"), b"[1]"):
        file.write_bytes(content)
        with pytest.raises(BadData, match=r"params/datasets\.yaml"):
            load_entries(tmp_path)


def test_a_folder_may_be_a_number(tmp_path):
    (tmp_path / "params").mkdir()
    text = f"datasets:\n  x: {{{GOOD.replace('healthy', '0').replace('fracture', '[2, 3]')}}}\n"
    (tmp_path / "params/datasets.yaml").write_text(text)
    assert load_entries(tmp_path)["x"]["abnormal"] == [2, 3]
