"""What a method is: its file's own words with links, its parameters, and published numbers.

Everything is Markdown for pages, read without importing TensorFlow.
"""

import ast
import re
from typing import NamedTuple

import pandas as pd

from lib import ROOT, params, provenance
from lib.fits.keywords import Keyword, keywords
from lib.grid import Fit

PUBLISHED = ROOT / "params/published.csv"
ARXIV = re.compile(r"(?:arXiv[\s:]+)?\b((?:0[7-9]|1\d|2\d)(?:0[1-9]|1[0-2])\.\d{4,5})\b")
AS_IT_IS = re.compile(r"((?:^ {4,}\S.*\n?)+|`[^`]*`|\[[^\]]*\]\([^)]*\))", re.MULTILINE)
DOI = re.compile(r"doi[\s:]+(10\.\d{4,9}/[^\s),;]+[^\s),;.])")
GITHUB = "https://github.com/"
#: What docstrings name, and where it is; the first mention becomes a link.
NAMED = {
    "proceedings.mlr.press/v80/ruff18a": "https://proceedings.mlr.press/v80/ruff18a.html",
    "Wyatt et al., CVPR Workshops 2022": "https://julianwyatt.co.uk/anoddpm",
    **{
        name: f"{GITHUB}{repository}"
        for name, repository in {
            "Deep-SAD-PyTorch": "lukasruff/Deep-SAD-PyTorch",
            "X-ray code": "antoine-spahr/X-ray-Anomaly-Detection",
            "Davletshina's code": "Valentyn1997/xray",
            "YiHsiu7893 on GitHub": "YiHsiu7893/RSNA_Anomaly_Detection",
            "MedIAnomaly": "caiyu6666/MedIAnomaly",
            "AE4AD": "caiyu6666/AE4AD",
            "A03ki/f-AnoGAN": "A03ki/f-AnoGAN",
            "victor-shepardson/alpha-GAN": "victor-shepardson/alpha-GAN",
            "PyOD": "yzhao062/pyod",
            "AnatPaste's": "jun-sato/AnatPaste",
        }.items()
    },
}
#: The study's own parameters, which every entry of a profile may have.
OF_THE_STUDY = {
    "labels": "the share of the training films whose label is known to the method",
    "contamination": "the share of anomalies among the training films of unknown label",
    "augment": "whether training films are varied at random, and by which brightness",
    "images": "settings of preprocessing that differ from those of the data set",
    "features": "what the method reads in place of films: features of a pretrained network",
    "phantoms": "whether it is trained on phantoms of chests, alone or before the training films",
    "precision": "the precision in which networks on films compute: float32 or mixed_bfloat16",
    "jit_compile": "whether updates are compiled by XLA",
    "full_batches": "whether the first films of an epoch fill its last batch",
}


#: What distinguishes an entry from others of its method, where its name does not say it in full.
SETTINGS = {
    "few": "few labels",
    "few pu": "few labels, films of unknown label as normal",
    "448": "films of 448 px",
    "anywhere": "cells of any place",
}


class Docstring(NamedTuple):
    """The parts of a method's docstring."""

    name: str
    claim: str  # one line
    text: str


def docstring(method: str) -> Docstring:
    """Return the docstring of a method, or of an entry of the profile, in parts."""
    tree = ast.parse((ROOT / f"lib/methods/{params.method_of(method)}.py").read_text())
    head, _, text = (ast.get_docstring(tree) or "").partition("\n")
    name, _, claim = head.partition(": ")
    return Docstring(name, claim.rstrip("."), text.strip("\n"))


def name_of(method: str) -> str:
    """Return the name of a method as in its paper, with what distinguishes an entry from others.

    `Joint Deep SVDD (soft)` for the entry `joint_deep_svdd_soft`.
    """
    setting = setting_of(method)
    return docstring(method).name + (f" ({setting})" if setting else "")


def setting_of(method: str) -> str:
    """Return what distinguishes an entry from others of its method, in words; "" if nothing."""
    suffix = method.removeprefix(params.method_of(method)).strip("_").replace("_", " ")
    return SETTINGS.get(suffix, suffix)


def title(fit: Fit) -> str:
    """Return the title of the card of a fit: method, data set, labels and seed. Raises BadData.

    A line does not break between a number and its %.
    """
    labels = params.part(fit.method, fit.entry).setting.replace(" %", "\N{NO-BREAK SPACE}%")
    return f"{name_of(fit.method)} on {films_of(fit.dataset)}, {labels}, seed {fit.seed}"


def films_of(dataset: str) -> str:
    """Return the name of a data set in titles: `rsna phantoms`, as real films are named alike."""
    return f"{dataset} phantoms" if provenance.holds_phantoms() else dataset


def text(method: str) -> str:
    """Return the text of the method in Markdown: equations whole, papers and code as links."""
    parts = docstring(method)
    return f"**{parts.name}**: {parts.claim}.\n\n{linked(structured(parts.text))}"


def structured(words: str) -> str:
    """Convert a docstring to Markdown: a list begins a paragraph, the line above is its heading."""
    words = re.sub(r"^(?![|\d\s])([^\n]+)\n(?=\d+\. )", r"**\1**\n\n", words, flags=re.MULTILINE)
    return re.sub(r"^(Known defects?[^:\n]*:)", r"**\1**", words, flags=re.MULTILINE)


def linked(words: str) -> str:
    """Return Markdown with links to papers and code; equations, code and links stay as they are."""
    parts = AS_IT_IS.split(words)
    named = dict(NAMED)
    for place in range(0, len(parts), 2):
        prose = ARXIV.sub(lambda match: _arxiv(match[0], match[1]), parts[place])
        prose = DOI.sub(r"[doi \1](https://doi.org/\1)", prose)
        for name in list(named):
            mention = re.search(re.escape(name).replace(r"\ ", r"\s+"), prose)
            if mention:
                link = f"[{mention[0]}]({named.pop(name)})"
                prose = prose[: mention.start()] + link + prose[mention.end() :]
        parts[place] = prose
    return "".join(parts)


def paper(method: str) -> str:
    """Return the link to the paper of a method: the first that its docstring names, or its code.

    Where a table of the docstring has a row of the entry, as `cutpaste`, the first of that row.
    """
    text = linked(docstring(method).text)
    row = re.search(rf"^\| {re.escape(method)} \|.*", text, re.M)
    links = re.findall(r"\[[^\]]+\]\([^)]+\)", (row[0] if row else "") + text)
    papers = [link for link in links if GITHUB not in link]
    return " ".join(next(iter(papers + links), "").split())


def _arxiv(whole: str, number: str) -> str:
    """Return a link for an arXiv number; a bare number of four digits may be any number."""
    if "arXiv" not in whole and len(number) < len("1234.12345"):
        return whole
    return f"[{' '.join(whole.split())}](https://arxiv.org/abs/{number})"


def parameters(fit: Fit, entry: dict) -> pd.DataFrame:
    """Return a fit's parameters: name, meaning, here, default; the study's first, common ones last.

    `entry` is what it was trained with, as its record has it.
    """
    divided = params.part(fit.method, entry)
    study_rows = [
        (f"`{name}`", OF_THE_STUDY[name], f"{_short(entry.get(name, usual))}", f"{_short(usual)}")
        for name, usual in params.OF_THE_STUDY.items()
        if entry.get(name, usual) != usual or name == "labels"
    ]
    given = divided.keywords | {
        name: f"{number} updates" for name, number in divided.updates.items()
    }
    known = keywords(fit.method)
    shown = {
        name: known.get(name, Keyword("", "", False))
        for name in [*known, *(name for name in given if name not in known)]
        if name not in ("image_size", "augmentation", "seed")
    }
    method_rows = [
        (f"`{name}`", one.meaning, _short(given[name]) if name in given else "", one.default)
        for name, one in shown.items()
    ]
    return pd.DataFrame(
        study_rows + method_rows, columns=["parameter", "meaning", "here", "default"]
    )


def _short(value) -> str:
    """Return a value as a table shows it."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_short(one)}" for key, one in value.items()) or "default"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_short, value)) or "none"
    return str(value)


def published(fit: Fit, results: pd.DataFrame) -> pd.DataFrame:
    """Return what others published of its method, and what is measured here.

    Columns data set, labels, pre-training, measure, ours, published, source, note. `results` are
    the rows of the fit; ours is there where its data set has the name of theirs, and no column if
    nowhere.
    """
    rows = read_published()
    rows = rows[rows["method"].eq(fit.method)]
    measured = results.query("level == 'image' and group == 'all'").set_index("metric")
    ours = [
        f"{measured['value'][row.metric]:.3f}"
        if row.dataset == fit.dataset and row.metric in measured.index
        else ""
        for row in rows.itertuples()
    ]
    table = rows.assign(measure=measures(rows["metric"]), ours=ours).rename(
        columns={"dataset": "data set", "pretraining": "pre-training", "value": "published"}
    )
    shown = ["data set", "labels", "pre-training", "measure", "ours", "published", "source", "note"]
    return table[shown] if any(ours) else table[shown].drop(columns="ours")


def read_published() -> pd.DataFrame:
    """Return what others published, as text: one row per number of params/published.csv."""
    return pd.read_csv(PUBLISHED, dtype=str, keep_default_na=False)


def measures(metrics: pd.Series) -> pd.Series:
    """Return metrics of results.csv and of published numbers in words: `AUROC of mean`."""
    return metrics.str.replace("auroc", "AUROC").str.replace("_", " ")


def about_published() -> str:
    """Say how our numbers differ from published ones."""
    if provenance.holds_phantoms():
        return (
            "Our numbers are measured on phantoms in the layout of the data set, to test the study."
        )
    return "Splits, sizes and preparation of the films differ from those of the publications."
