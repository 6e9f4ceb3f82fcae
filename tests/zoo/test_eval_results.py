from __future__ import annotations

import json

import huggingface_hub
import pytest
import yaml
from huggingface_hub import ModelCardData

from agekit.errors import ModelError
from agekit.tasks.estimator.build import estimator_config
from agekit.zoo.cards.results import eval_files, legacy_results, scores
from agekit.zoo.files import METRICS

HUB = {"imdb": "faces/imdb"}
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
    [(path, text)] = eval_files(*model, HUB).items()
    assert path == ".eval_results/imdb.yaml"
    entries = yaml.safe_load(text)
    assert entries[0] == {
        "dataset": {"id": "faces/imdb", "task_id": "official-split_mae"},
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
    [text] = eval_files(*model, HUB).values()
    entries = huggingface_hub.parse_eval_result_entries(yaml.safe_load(text))
    assert (entries[0].dataset_id, entries[0].value) == ("faces/imdb", 3.25)
    assert huggingface_hub.eval_result_entries_to_yaml(entries) == yaml.safe_load(text)


def test_the_older_form_comes_back_from_the_client(model):
    results = legacy_results(*model)
    data = ModelCardData(model_name="tiny", eval_results=results)
    again = ModelCardData(**yaml.safe_load(data.to_yaml()))
    assert again.eval_results == results
    assert (results[0].dataset_type, results[0].dataset_split) == ("unlisted", "test")
    assert results[0].dataset_args == {"split_hash": "0123456789abcdef"}


def test_only_benchmarks_that_are_named_and_were_measured(model):
    assert eval_files(*model, {}) == {}
    with pytest.raises(ModelError, match=r"no test figures of utkface\n.*it has those of imdb"):
        eval_files(*model, HUB | {"utkface": "faces/utkface"})


def test_each_of_several_datasets_is_a_benchmark(model):
    config, metrics = model
    parts = [{"dataset": name, "protocol": f"{name}:default"} for name in ("imdb", "wiki")]
    trained = TRAINED | {"dataset": "imdb+wiki", "parts": parts}
    metrics["test"]["by_dataset"] = {"imdb": {"mae": 3.0}, "wiki": {"mae": 4.0}}
    config = config.model_copy(update={"trained": trained})
    files = eval_files(config, metrics, {"wiki": "faces/wiki"})
    [entry] = yaml.safe_load(files.pop(".eval_results/wiki.yaml"))
    assert (entry["value"], entry["dataset"]["task_id"]) == (4.0, "default_mae")
    assert files == {}


def test_without_a_test_split_there_is_nothing_to_tell(model):
    config, metrics = model
    metrics["val"] = metrics.pop("test")
    assert scores(config, metrics) == []
    with pytest.raises(ModelError, match="it has none of any dataset"):
        eval_files(config, metrics, HUB)
