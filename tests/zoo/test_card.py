from __future__ import annotations

import yaml

from agekit.zoo.folder import CARD


def test_the_card_says_what_how_good_and_for_whom(make_model):
    text = (make_model() / CARD).read_text()
    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["library_name"] == "agekit"
    assert body.startswith("# tiny\n")
    for line in (
        "Estimates the age of a face, from 10 to 40 years, with a 90% interval.",
        "- Backbone `resnet10-tiny`, heads `ldl`, `reg`; ",
        "- Takes face chips of 32 x 32 pixels, RGB.",
        "with the recipe `ldl-reg-resnet10-tiny`, seed 3.",
        "- Intervals calibrated on the val split.",
        "| 1 | test | 9 | 3.25 | -0.50 | 50.0% | 62.5% | 90.0% |",
        "| 10-19 | 9 | 3.25 | -0.50 |",
        "| female | 4 | 2.50 |",
        "Not a means of identification",
    ):
        assert line in body
