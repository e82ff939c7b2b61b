"""What params/ asks for."""

import re
import shutil

import pytest

from lib import ROOT, ablations, grid, methods, params
from lib.comparison import record_scores
from lib.errors import BadData
from lib.grid import Fit
from lib.variants import named

FIVE = {"normal": 0.05, "abnormal": 0.05}


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Return a repository with the committed parameters and nothing else."""
    shutil.copytree(ROOT / "params", tmp_path / "params")
    monkeypatch.setattr(params, "ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def every_ablation(root):
    """Choose the grid of phantoms with every ablation."""
    edit(root, "study", "grid: *phantoms", "grid: *all_phantoms")
    return root


def edit(root, name, old, new):
    path = root / f"params/{name}.yaml"
    text = path.read_text()
    assert old in text, f"{path.name} no longer holds {old!r}: mend this test"
    path.write_text(text.replace(old, new, 1))


def grids():
    return params.read("study")["grids"].values()


def test_every_fit_has_parameters_and_every_data_set_an_entry():
    entries = params.read("datasets")["datasets"]
    for declared in grids():
        assert set(declared["datasets"]) <= set(entries)
        for block in (block for blocks in declared["families"].values() for block in blocks):
            assert set(block["datasets"]) <= set(declared["datasets"])
            for profile in ("quick", "hours", "full"):
                assert set(block["methods"]) <= {*params.read(profile), *methods.names()}


def test_every_ablation_has_words_parameters_and_data_sets_of_its_grid():
    for declared in grids():
        for entry in declared["ablations"].values():
            assert entry["question"].endswith((".", "?"))
            assert set(entry["datasets"]) <= set(declared["datasets"])
            for profile in ("quick", "hours", "full"):
                assert set(entry["methods"]) <= {*params.read(profile), *methods.names()}


def test_spheres_are_compared_with_classifiers_that_are_given_the_same_films():
    for declared in grids():
        blocks = declared["families"]["few_labels"]
        few_labels = {name for block in blocks for name in block["methods"]}
        if "deep_sad" in few_labels:
            assert {"resnet_few", "resnet_few_pu", "lesion_logistic"} <= few_labels
        if entry := declared["ablations"].get("label_fraction"):
            pairs = {tuple(pair) for pair in entry["contrasts"]}
            assert {("deep_sad", "resnet_few"), ("deep_sad", "resnet_few_pu")} <= pairs
            if set(entry["datasets"]) & set(record_scores.PUBLIC):  # on phantoms by one fit each
                assert ("lesion_deep_sad", "lesion_logistic") in pairs
            assert {name for pair in pairs for name in pair} <= set(entry["methods"])


def test_a_centre_that_no_sphere_is_trained_around_is_the_mean():
    """A guard (`epsilon`) would move it, and the distance to it would measure the guard."""
    for declared in grids():
        if entry := declared["ablations"].get("pretraining"):
            untrained = [one for one in entry["variants"] if one.get("epochs") == 0]
            assert len(untrained) == 2 and all(one["epsilon"] == 0 for one in untrained)


def test_both_gans_with_published_numbers_by_body_part_run_on_limbs():
    of_mura = {
        name
        for block in params.read("study")["grids"]["phantoms"]["families"]["reconstruction"]
        if "mura" in block["datasets"]
        for name in block["methods"]
    }
    assert {"alpha_gan", "f_anogan"} <= of_mura


def methods_of(name):
    """Return the methods of a grid, on whatever data set."""
    blocks = params.read("study")["grids"][name]["families"].values()
    return {method for of_family in blocks for block in of_family for method in block["methods"]}


def test_the_readme_names_the_methods_that_the_default_study_leaves_out():
    sentence = re.search(r"The default study leaves out ([^:]*):", (ROOT / "README.md").read_text())
    left_out = methods_of("films") - methods_of("phantoms")
    assert set(re.findall(r"`(\w+)`", sentence[1])) == left_out


def test_every_entry_of_a_profile_is_a_method_or_a_setting_of_one():
    files = {path.stem for path in (ROOT / "lib/methods").glob("[!_]*.py")}
    for profile in ("quick", "hours", "full"):
        entries = params.read(profile)
        named = {entries[name].get("method", name) for name in entries.keys() - {*params.FOR_ALL}}
        assert named <= files


def test_an_entry_may_be_a_setting_of_another_method(root):
    quick = root / "params/quick.yaml"
    quick.write_text(quick.read_text() + "\nwide: {method: autoencoder, latent_dim: 128}\n")
    assert params.method_of("wide") == "autoencoder" == params.method_of("autoencoder")
    assert "wide" in params.methods() and "images" not in params.methods()
    assert params.part("wide", params.entry_of("wide")).method == "autoencoder"


def test_what_a_profile_sets_for_all_is_under_each_entry(root):
    quick = root / "params/quick.yaml"
    common = "training: {precision: mixed_bfloat16, jit_compile: true, full_batches: true}"
    quick.write_text(f"{quick.read_text()}\n{common}\nslow: {{method: vae, precision: float32}}\n")
    assert "training" not in params.methods()
    entries = {name: params.entry_of(name) for name in ("autoencoder", "slow")}
    of_method, of_slow = (params.part(name, entry) for name, entry in entries.items())
    assert (of_method.precision, of_method.jit_compile) == ("mixed_bfloat16", True)
    assert (of_slow.precision, of_slow.jit_compile) == ("float32", True)
    assert of_method.full_batches and not params.part("vae", {}).full_batches
    assert not {"precision", "jit_compile", "full_batches"} & of_method.keywords.keys()
    with pytest.raises(BadData, match="`precision: float16` of vae in params/ is unknown: use "):
        params.part("vae", {"precision": "float16"})


def test_a_method_without_an_entry_has_the_defaults_of_its_class(root):
    (root / "lib/methods").mkdir(parents=True)
    (root / "lib/methods/new.py").touch()
    assert params.entry_of("new") == params.profile()["new"] == {} and "new" in params.methods()
    assert params.part("new", params.entry_of("new")).setting == "unlabelled"
    with pytest.raises(BadData, match="no entry newer, nor has lib/methods a file of that name"):
        params.entry_of("newer")


def test_fits_are_the_product_of_each_family(root):
    fits = grid.fits()
    assert len(fits) == len(set(fits))
    assert Fit("mura", "deep_svdd").family == "one_class"
    assert Fit("mura", "resnet_few").family == "few_labels"
    assert Fit("mura", "unheard_of").family == "other"
    assert Fit("rsna", "synthetic_lesions").page == "cards/rsna/synthetic_lesions-0.html"


def test_a_block_may_have_seeds_of_its_own(root):
    edit(
        root,
        "study",
        "[mura, nih, rsna], methods: [resnet]}",
        "[mura, nih, rsna], methods: [resnet], seeds: [4, 7]}",
    )
    assert {fit.seed for fit in grid.fits("mura") if fit.method == "resnet"} == {4, 7}
    assert {fit.seed for fit in grid.fits("mura") if fit.method == "deep_svdd"} == {0}


def test_what_is_the_studys_is_parted_from_what_is_the_methods():
    entry = {"labels": FIVE, "contamination": 0.1, "augment": True, "updates": 9, "gan_updates": 3}
    entry |= {"images": {"equalize": "none"}, "batch_size": 4, "width": 8, "gan_epochs": 2}
    parameters = params.part("any", entry)
    assert parameters.keywords == {"batch_size": 4, "width": 8, "gan_epochs": 2}
    assert parameters.updates == {"epochs": 9}, "epochs that are named count instead"
    assert (parameters.labels, parameters.contamination, parameters.augment) == (FIVE, 0.1, True)
    assert parameters.setting.endswith("known abnormal, 10 % contamination")
    study = ("none", 0.0, False, {}, "", "", "float32", None, False)
    assert params.part("any", {}) == ("any", *study, {}, {})


@pytest.mark.parametrize(
    ("labels", "on_phantoms"),
    [("none", "none"), ("all", "all"), (FIVE, "all"), ({"normal": 0, "abnormal": 0}, "none")],
)
def test_on_phantoms_all_labels_are_known_to_a_method_with_labels(labels, on_phantoms):
    entry = {"labels": labels, "contamination": 0.1, "phantoms": "first", "width": 8}
    parameters = params.part("any", entry)
    expected = parameters._replace(labels=on_phantoms, contamination=0.0)
    assert parameters.for_phantoms == expected and parameters.keywords == {"width": 8}
    assert parameters.setting.endswith("10 % contamination, phantoms first")


@pytest.mark.parametrize("value", ["both", True, None, ["alone"]])
def test_an_unknown_value_of_phantoms_is_one_sentence(value):
    with pytest.raises(BadData, match=r"`phantoms: .*` of any in params/ is unknown: use alone or"):
        params.part("any", {"phantoms": value})


@pytest.mark.parametrize(
    ("method", "change", "same"),
    [
        ("deep_sad", {"labels": FIVE}, True),
        ("deep_sad", {"labels": "none"}, False),
        ("deep_svdd", {"labels": "none"}, True),
        ("deep_svdd", {"contamination": 0}, True),
        ("deep_svdd", {"contamination": 0.01}, False),
        ("dmsad", {"as_published": False}, True),
        ("dmsad", {"as_published": True}, False),
        ("deep_svdd", {}, True),
        ("deep_svdd", {"phantoms": ""}, True),
        ("deep_svdd", {"phantoms": "alone"}, False),
        ("deep_svdd", {"images": {"equalize": "clahe"}}, True),
        ("deep_svdd", {"images": {"equalize": "clahe", "mask": True}}, False),
        ("deep_svdd", {"epochs": 0}, False),
    ],
)
def test_a_variant_that_changes_nothing_is_the_grids_own_fit(method, change, same):
    assert ablations.changes_nothing(change, params.entry_of(method), "mura") == same


def test_sim_to_real_is_compared_with_fits_of_the_grid_on_chests():
    entries = params.read("datasets")["datasets"]
    for declared in (params.read("study")["grids"][name] for name in ("films", "sim_to_real")):
        entry = declared["ablations"]["sim_to_real"]
        assert {entries[name]["body"] for name in entry["datasets"]} == {"chest"}
        assert entry["datasets"] == declared.get("chests", declared["datasets"])
        changes = named(entry["variants"])
        assert list(changes) == ["real films", "phantoms alone", "phantoms first"]
        for method in entry["methods"]:
            entry_of_grid = params.entry_of(method)
            same = [
                ablations.changes_nothing(change, entry_of_grid, "nih")
                for change in changes.values()
            ]
            assert same == [True, False, False]


def test_an_ablation_is_the_product_of_methods_variants_and_seeds(every_ablation):
    ablation = ablations.find("label_fraction", "rsna")
    fits = ablation.fits()
    assert list(fits)[:2] == [("deep_sad", "unlabelled", 0), ("deep_sad", "unlabelled", 1)]
    assert len(fits) == len(ablation.methods) * len(ablation.variants) * len(ablation.seeds)
    assert fits["deep_sad", "5 % known normal + 5 % known abnormal", 2] == Fit(
        "rsna", "deep_sad", seed=2
    )
    assert str(ablation) == "label fraction on rsna" and ablation.reference == "unlabelled"
    assert ablation.page == "ablations/label_fraction/rsna.html"
    entry = fits["deep_sad", "unlabelled", 0].entry
    assert entry == params.entry_of("deep_sad") | {"labels": "none"}


def test_the_ablations_of_the_grid():
    entries = params.read("study")["grid"]["ablations"]
    assert [one.name for one in ablations.declared("rsna")] == list(entries)
    on_films = {name for name, entry in entries.items() if entry["datasets"]}
    assert {ablation.name for ablation in ablations.of_grid()} == on_films < set(entries)
    with pytest.raises(BadData, match="has no ablation unheard_of; it has label_fraction"):
        ablations.find("unheard_of", "rsna")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("seeds: [0, 1, 2]", "sedes: [0]", "ablation label_fraction .* has no seeds: it needs"),
        ("seeds: [0, 1, 2]", "seeds: []", "label_fraction .* needs methods, seeds, and variants"),
        ("- &labels_1 {labels:", "- {labels: none}\n          - &labels_1 {labels:", "all differ"),
        ("seeds: [0, 1, 2]", "seeds: ['0', '1']", "not whole numbers"),
        ("methods: [deep_sad, resnet_few, resnet_few_pu]", "methods: deep_sad", "needs lists of"),
        ("contrasts: [[deep_sad, resnet_few],", "contrasts: [[deep_sad, vae],", "has a contrast"),
        ("contrasts: [[deep_sad, resnet_few],", "contrasts: [[deep_sad],", "two of its methods"),
        ("above: labels help", "over: labels help", "unknown key 'over'"),
    ],
)
def test_an_ablation_declared_by_half_or_oddly_is_one_sentence(every_ablation, old, new, sentence):
    edit(every_ablation, "study", old, new)
    with pytest.raises(BadData, match=sentence):
        ablations.of_grid()


def test_two_variants_of_one_name_that_differ_are_refused(every_ablation):
    edit(every_ablation, "study", "{latent_dim: 1}", "{name: as published, latent_dim: 1}")
    assert Fit("mura", "dmsad", "as published").entry["as_published"], "of another grid"
    edit(every_ablation, "study", "{name: both}", "{name: as published}")
    with pytest.raises(BadData, match="two variants 'as published'"):
        Fit("mura", "dmsad", "as published").entry  # noqa: B018


def test_folders_hold_no_character_that_a_file_system_may_refuse():
    for fit in ablations.every_fit("mura"):
        assert all(part.replace("-", "").replace("_", "").isalnum() for part in fit.place.parts)
    assert len({fit.place for fit in ablations.every_fit("mura")}) == len(
        ablations.every_fit("mura")
    )


@pytest.mark.parametrize(
    "variant",
    ["name: default", "name: '..'", "name: ''", "name: 5", "labels: some", "images: null"],
)
def test_a_variant_that_cannot_be_read_or_named_is_one_sentence(every_ablation, variant):
    edit(every_ablation, "study", "{name: both}", f"{{{variant}}}")
    with pytest.raises(BadData, match="cannot be read or named"):
        ablations.of_grid()


def test_a_length_in_updates_takes_the_place_of_one_in_epochs():
    assert params.put_over({"updates": 9}, {"epochs": 1, "width": 2}) == {"updates": 9, "width": 2}
    assert params.put_over({"epochs": 0}, {"updates": 9}) == {"epochs": 0}


def test_the_chosen_grid_says_which_family_a_method_is_of(root):
    edit(
        root,
        "study",
        "      one_class:\n        - {datasets: *found",
        "      other:\n        - {datasets: *found",
    )
    assert Fit("mura", "deep_svdd").family == "one_class"
