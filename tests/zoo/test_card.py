from __future__ import annotations

import json

import pytest
import yaml
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from agekit.data.alignment import Alignment
from agekit.data.split import load_faces
from agekit.recipe import resolve
from agekit.tasks.estimator.build import estimator_config
from agekit.tasks.estimator.card import estimator_card
from agekit.zoo.cards.provenance import training_facts
from agekit.zoo.cards.results import hub_licence
from agekit.zoo.files import CARD, METRICS

RESEARCH = {
    "title": "Faces",
    "licence": "non-commercial research only",
    "source": "https://example.org/faces",
    "citation": "Somebody: Faces, arXiv 1234.56789",
    "split": "80/10/10 by person",
    "subject_exclusive": True,
}


@pytest.fixture
def model(make_model):
    folder = make_model()
    return estimator_config(folder), json.loads((folder / METRICS).read_text())


def told(config, **facts):
    return config.model_copy(update={"trained": {**config.trained, **facts}})


def html(card):
    return MarkdownIt("commonmark").enable("table").render(card.split("---\n", 2)[2])


def test_the_card_says_what_how_good_and_for_whom(make_model):
    text = (make_model() / CARD).read_text()
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["library_name"] == "agekit"
    assert body.startswith("\n# tiny\n")
    for line in (
        "Estimates the age of a face, from 10 to 40 years, with a 90% interval.",
        "On the 9 faces of the test split of `none:all` it is off by **3.25 years** on average; "
        "62.5% of its ages are off by at most 5 years. Its 90% intervals hold 90.0% of the true "
        "ages.",
        "agekit predict photo.jpg --model MODEL",
        "- Backbone `resnet10-tiny`, heads `ldl`, `reg`; ",
        "It takes RGB face chips of 32 x 32 pixels. How those it was trained on were cut is not",
        "Trained by the recipe `ldl-reg-resnet10-tiny`.",
        "Intervals were calibrated on the val split: moved out, or in, by the years",
        "One training, seed 3: another seed gives",
        "| test | 9 | 3.25 | -0.50 | 50.0% | 62.5% | 90.0% |",
        "| 10-19 | 9 | 3.25 | -0.50 |",
        "| female | 4 | 2.50 |",
        "**Not a means of identification, and not of a decision about a person**",
        "The terms of the data it was trained on are not recorded.",
    ):
        assert line in body


def test_the_header_is_what_the_hub_client_reads(model):
    config, metrics = model
    data = ModelCard(estimator_card(told(config, data=RESEARCH), metrics)).data
    assert (data.library_name, data.pipeline_tag) == ("agekit", "image-classification")
    assert (data.license, data.license_link) == ("other", "https://example.org/faces")
    assert data.model_name == "tiny"
    assert [(r.metric_type, r.metric_value) for r in data.eval_results or []] == [
        ("mae", 3.25),
        ("cs5", 0.625),
        ("coverage", 0.9),
    ]


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("", {"license": "unknown"}),
        ("yours", {"license": "unknown"}),
        ("Apache-2.0", {"license": "apache-2.0"}),
        ("CC BY 4.0", {"license": "cc-by-4.0"}),
        ("research", {"license": "other", "license_name": "terms-of-the-training-data"}),
    ],
)
def test_the_licence_in_the_words_of_the_hub(licence, expected):
    assert hub_licence({"licence": licence, "source": "on request"}) == expected


def test_every_table_of_the_card_is_one_when_rendered(model):
    config, metrics = model
    metrics["test"]["by_group"] = {"a|b": {"n": 40, "mae": 2.0}, "<i>_c_": {"n": 50, "mae": 4.0}}
    metrics["test"]["by_age"].append({"ages": "20-29", "n": 31, "mae": 4.25, "bias": -1.0})
    config = config.model_copy(update={"face": Alignment(align="five-points", margin=0.25)})
    page = html(estimator_card(config, metrics))
    assert page.count("<table>") == 5
    assert "<td>a|b</td>" in page
    assert "<td>&lt;i&gt;_c_</td>" in page
    assert "<td>the tip of the nose</td>" in page
    paragraphs = page.split("<p>")[1:]
    assert not [p for p in paragraphs if "|" in p.split("</p>")[0].replace("a|b", "")]
    assert "over groups from 2.00 (a|b) to 4.00 (&lt;i&gt;_c_)" in page


def test_the_interval_and_the_seeds(model):
    config, metrics = model
    for row in (metrics["test"], metrics["generations"][0]["metrics"]["test"]):
        row["mae_interval"] = [3.0, 3.5]
    metrics["seeds"] = [{"seed": 3, "mae": 3.25}, {"seed": 4, "mae": 3.35}]
    text = estimator_card(config, metrics)
    assert "**3.25 years** on average (95% interval 3.00 to 3.50)" in text
    assert "| test | 9 | 3.25 | 3.00 to 3.50 | -0.50 |" in text
    assert "Over 2 seeds the MAE is 3.30 ± 0.07 (mean and standard deviation)" in text


def test_what_is_known_of_the_data_and_the_method(model):
    config, metrics = model
    method = {
        "description": "both heads",
        "source": "arXiv 1809.07447, table 1",
        "generations": 3,
        "epochs": 20,
        "batch_size": 64,
        "optimizer": "AdamW",
        "learning_rate": 0.006,
    }
    facts = {"dataset": "faces", "data": RESEARCH, "method": method, "faces": {"train": 1800}}
    text = estimator_card(told(config, **facts), metrics)
    for line in (
        "Trained on Faces (`faces`), from <https://example.org/faces>, terms: non-commercial",
        "(80/10/10 by person): 1,800 train faces. No person is in two splits.",
        ": both heads; 3 generations of 20 epochs, batches of 64, AdamW with a learning rate of ",
        "agekit evaluate MODEL faces --root DIR",
        "on: non-commercial research only. Whoever uses them is bound by these.",
        "collected for research, as a rule without asking the people in them.",
        "- The method: [arXiv 1809.07447](https://arxiv.org/abs/1809.07447), table 1",
        "- The data: Somebody: Faces, [arXiv 1234.56789](https://arxiv.org/abs/1234.56789)",
    ):
        assert line in text


def test_data_from_nowhere_and_a_single_epoch(model):
    config, metrics = model
    data = {"title": "SynthFaces", "licence": "Apache-2.0", "source": "drawn by agekit"}
    method = {"epochs": 1, "batch_size": 4, "optimizer": "Adam", "learning_rate": 0.001}
    text = estimator_card(told(config, data=data, method=method), metrics)
    assert "Trained on SynthFaces, drawn by agekit, terms: Apache-2.0." in text
    assert "; 1 epoch, batches of 4, Adam with a learning rate of 0.001." in text
    assert "collected for research" not in text


@pytest.mark.slow
def test_the_facts_of_a_training():
    faces = load_faces("synthfaces", None, "tiny")
    recipe = resolve("ldl-reg-timm/resnet10t", overrides=["backbone.pretrained=true"]).recipe
    facts = training_facts(recipe, faces, {"train": 300})
    assert json.loads(json.dumps(facts)) == facts
    assert facts["faces"] == {"train": 300}
    assert facts["data"]["licence"] == "Apache-2.0"
    assert facts["data"]["split"] == "the first 480 rows, 80/10/10 by person"
    assert (facts["data"]["shared_people"], facts["data"]["needs_root"]) == (0, False)
    assert facts["method"]["pretrained"] == "timm/resnet10t"
    assert facts["method"]["evolver"] == "single"
    assert "generations" not in facts["method"]


def test_a_model_without_a_test_split(model):
    config, metrics = model
    metrics["generations"][0]["metrics"] = {"val": metrics.pop("test")}
    metrics["val"] = metrics["generations"][0]["metrics"]["val"]
    text = estimator_card(config, metrics)
    assert "There is no test split: these faces were looked at during training" in text
    assert "model-index" not in text


def test_a_model_that_nothing_is_known_of(model):
    config, _ = model
    text = estimator_card(config.model_copy(update={"trained": {}}), {})
    assert "How good it is was not measured" in text
    assert "What it was trained on is not recorded." in text
    assert "None" not in text
    assert "## Errors" not in text
    assert "license: unknown" in text
