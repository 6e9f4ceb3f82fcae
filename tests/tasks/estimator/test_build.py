from __future__ import annotations

import pytest
import torch
import yaml

import agekit
from agekit.errors import ConfigError, PluginError, UnknownNameError
from agekit.recipe import resolve
from agekit.registry import RECIPES


def build(backbone, tmp_path, size=32, ages=(0, 20), **changes):
    recipe = {**RECIPES.get("reg"), "backbone": backbone, **changes}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe))
    return agekit.build(str(path), ages=ages, size=size)


def test_a_named_recipe_gives_a_module_of_images():
    network = agekit.build("cen-resnet18", ages=(0, 100), size=32).eval()
    raw = network(torch.zeros(2, 3, 32, 32))
    assert {head: tuple(value.shape) for head, value in raw.items()} == {
        "ldl": (2, 101),
        "reg": (2,),
    }
    estimate = network.estimate(raw)
    assert ((estimate.low <= estimate.age) & (estimate.age <= estimate.high)).all()
    torch.testing.assert_close(estimate.distribution.sum(1), torch.ones(2))


def test_the_recipe_says_the_rule_and_the_level():
    network = agekit.build("ldl-resnet10-tiny", size=32)
    assert (network.rule, network.level) == ("expectation", 0.9)


def test_the_same_seed_gives_the_same_weights_and_leaves_torchs_own_alone():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    one, two, other = (
        agekit.build("ldl-reg-resnet10-tiny", size=32, seed=s).state_dict() for s in (5, 5, 6)
    )
    assert torch.equal(torch.rand(1), expected)
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["heads.ldl.fc.weight"], other["heads.ldl.fc.weight"])


@pytest.mark.parametrize(("model", "length"), [("mobilenetv3_small_100", 1024), ("resnet10t", 512)])
def test_any_timm_model_is_a_backbone(model, length):
    network = agekit.build(f"reg-timm/{model}", size=64).eval()
    assert network.heads["reg"].in_features == length
    assert network(torch.zeros(1, 3, 64, 64))["reg"].shape == (1,)


def test_an_unknown_timm_model_names_the_nearest():
    with pytest.raises(UnknownNameError, match="timm has no model 'resnet10tt'; did you mean") as e:
        agekit.build("reg-timm/resnet10tt")
    assert "'resnet10t'" in e.value.message


@pytest.mark.parametrize(
    ("backbone", "says"),
    [
        ("timm/resnet10t.nobody", "Invalid pretrained tag"),
        ({"type": "timm/resnet10t", "output_stride": 5}, "cannot be built with"),
        ({"type": "timm/resnet10t", "no_such": 1}, "no_such"),
        ({"type": "timm/resnet10t", "num_classes": 3}, "num_classes"),
        ({"type": "timm/resnet10t", "features_only": True}, "gives list, not features"),
        ({"type": "timm/resnet10t", "global_pool": ""}, r"shape \(1, 512, 1, 1\), not"),
        ({"type": "timm/resnet10t", "in_chans": 1}, "cannot take images of 32 x 32"),
        ("timm/vit_tiny_patch16_224", "cannot take images of 32 x 32"),
    ],
)
def test_backbones_that_do_not_fit_are_one_error(backbone, says, tmp_path):
    with pytest.raises(ConfigError, match=says) as error:
        build(backbone, tmp_path)
    assert "\n" not in error.value.message


@pytest.mark.parametrize("argument", ["checkpoint_path", "pretrained_cfg", "cache_dir"])
def test_timm_reads_no_weights_from_a_place_of_the_recipes(argument, tmp_path):
    with pytest.raises(ConfigError, match=f"does not take {argument}"):
        build({"type": "timm/resnet10t", argument: "weights.pth"}, tmp_path)


@pytest.mark.parametrize("ages", [(50, 10), (10, 10), (-1, 10), (0, 1_000_000)])
def test_label_ages_that_are_none(ages):
    with pytest.raises(ConfigError, match="label ages"):
        agekit.build("reg-resnet10-tiny", ages=ages, size=32)


def test_a_head_that_torch_cannot_name(tmp_path):
    losses = [{"type": "l1", "head": "keys"}]
    with pytest.raises(ConfigError, match="torch refuses a head of this name"):
        build(
            "resnet10-tiny",
            tmp_path,
            heads={"keys": {"type": "regression"}},
            evolver={"type": "single", "losses": losses},
        )


def test_a_part_that_fails_is_named_with_its_arguments(write_plugin, tmp_path):
    write_plugin(
        "agekit-thrown",
        {"backbone": {"fails": "thrown_fails:make", "refuses": "thrown_fails:refuse"}},
        {
            "thrown_fails.py": """
            from agekit.errors import PluginError

            def make(depth=1):
                raise ValueError(f"no depth\\n{depth}")

            def refuse():
                raise PluginError("needs a licence", "get one")
            """
        },
    )
    with pytest.raises(ConfigError, match=r"'fails' cannot be built with {'depth': 4}: no depth 4"):
        build({"type": "fails", "depth": 4}, tmp_path)
    with pytest.raises(PluginError, match="needs a licence"):
        build("refuses", tmp_path)


def test_the_paper_trains_at_224_pixels():
    assert resolve("cen-resnet18").recipe.data.size == 224
