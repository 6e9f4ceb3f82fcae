from __future__ import annotations

import json

import huggingface_hub
import pytest
import yaml
from huggingface_hub import ModelCardData
from torch import nn

from agekit.tasks.estimator.build import estimator_config
from agekit.tasks.estimator.card import estimator_card
from agekit.zoo.cards.results import benchmark, eval_files, legacy_results, scores
from agekit.zoo.files import METRICS
from agekit.zoo.folder import save_model

TRAINED = {
    "dataset": "imdb",
    "protocol": "imdb:Official split",
    "split_hash": "0123456789abcdef",
    "seed": 3,
    "agekit": "0.1.0",
    "data": {"licence": "research use"},
}


@pytest.fixture
def model(make_model):
    folder = make_model()
    metrics = json.loads((folder / METRICS).read_text())
    metrics["test"]["mae_interval"] = [3.0, 3.5]
    config = estimator_config(folder)
    return config.model_copy(update={"trained": TRAINED}), metrics


def test_the_current_form(model):
    [(path, text)] = eval_files(*model).items()
    assert path == ".eval_results/imdb.yaml"
    entries = yaml.safe_load(text)
    assert entries[0] == {
        "dataset": {"id": "agekit/imdb", "task_id": "official-split_mae"},
        "value": 3.25,
        "notes": "years, lower is better; 9 faces; 95% interval 3.00 to 3.50; "
        "split 0123456789abcdef; seed 3; agekit 0.1.0",
    }
    assert [entry["dataset"]["task_id"].rpartition("_")[2] for entry in entries] == [
        "mae",
        "cs5",
        "coverage",
    ]


@pytest.mark.skipif(
    not hasattr(huggingface_hub, "EvalResultEntry"), reason="this client has the older form only"
)
def test_the_current_form_is_what_the_client_writes(model):
    [text] = eval_files(*model).values()
    entries = huggingface_hub.parse_eval_result_entries(yaml.safe_load(text))
    assert (entries[0].dataset_id, entries[0].value) == ("agekit/imdb", 3.25)
    assert huggingface_hub.eval_result_entries_to_yaml(entries) == yaml.safe_load(text)


def test_the_older_form_comes_back_from_the_client(model):
    results = legacy_results(*model)
    data = ModelCardData(model_name="tiny", eval_results=results)
    again = ModelCardData(**yaml.safe_load(data.to_yaml()))
    assert again.eval_results == results
    assert (results[0].dataset_type, results[0].dataset_split) == ("agekit/imdb", "test")
    assert results[0].dataset_args == {"split_hash": "0123456789abcdef"}


@pytest.mark.parametrize("data", [{}, {"licence": ""}, {"licence": "yours"}])
def test_data_of_ones_own_are_no_benchmark(model, data):
    config, metrics = model
    config = config.model_copy(update={"trained": {**TRAINED, "data": data}})
    assert benchmark(config, "imdb") is None
    assert eval_files(config, metrics) == {}
    assert legacy_results(config, metrics)[0].dataset_type == "unlisted"


def test_without_a_test_split_there_is_nothing_to_tell(model):
    config, metrics = model
    metrics["val"] = metrics.pop("test")
    assert scores(config, metrics) == []
    assert eval_files(config, {}) == {}


def test_the_files_lie_in_the_model_folder(model, tmp_path):
    config, metrics = model
    files = eval_files(config, metrics)
    for _ in range(2):
        card = estimator_card(config, metrics)
        save_model(tmp_path / "m", nn.Linear(1, 1), config, metrics, card, files)
    assert (tmp_path / "m/.eval_results/imdb.yaml").read_text() == files[".eval_results/imdb.yaml"]
    save_model(tmp_path / "m", nn.Linear(1, 1), config, metrics, "")
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [
        "README.md",
        "config.json",
        "metrics.json",
        "model.safetensors",
    ]
