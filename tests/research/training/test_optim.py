"""Parameters that are optimised in their own way, and the schedules that OpenGait's networks bring along."""

from __future__ import annotations

import pytest
from torch import nn

from pipeline.errors import ConfigError
from pipeline.research.training.optim import Group, optimizer_of, scheduler_of, stepped_cosine

SETTINGS = {"solver": "AdamW", "lr": 3e-4, "weight_decay": 0.02}


@pytest.fixture
def network():
    return nn.ModuleDict({name: nn.Linear(2, 2) for name in ("stem", "body", "head")})


def test_a_parameter_belongs_to_the_first_group_that_its_name_fits(network):
    groups = (
        Group(r"stem\.", 0.0),
        Group(r".*bias", decays=False),
        Group(r"body\.", 0.01),
        Group(r"head\.", share=0.1),
    )
    optimizer = optimizer_of(SETTINGS, network, groups=groups)
    named = {id(parameter): name for name, parameter in network.named_parameters()}
    found = [
        ([named[id(parameter)] for parameter in group["params"]], group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
    ]
    assert found == [
        (["body.bias", "head.bias"], 3e-4, 0.0),
        (["body.weight"], 0.01, 0.02),
        (["head.weight"], pytest.approx(3e-5), 0.02),
    ]
    assert not any(parameter.requires_grad for parameter in network["stem"].parameters())


def test_without_groups_all_that_is_trained_is_one(network):
    network["stem"].requires_grad_(False)
    (group,) = optimizer_of(SETTINGS, network).param_groups
    assert len(group["params"]) == 4


def test_a_setting_that_is_no_number_is_named(network):
    groups = (Group(r"head\.", share=0.1),)
    for wrong in (None, "fast"):
        with pytest.raises(ConfigError, match=r"optimizer_cfg\.lr: expected a number, got"):
            optimizer_of({"lr": wrong}, network, groups=groups)
    with pytest.raises(ConfigError, match="optimizer_cfg: AdamW: "):
        optimizer_of({**SETTINGS, "betas": []}, network)
    with pytest.raises(ConfigError, match=r"scheduler_cfg\.warmup: expected a number, got 'long'"):
        scheduler_of({"scheduler": "WarmupCosine", "warmup": "long"}, optimizer_of(SETTINGS, network), 9)


def test_a_rate_of_nothing_stays_so(network):
    optimizer = optimizer_of({**SETTINGS, "lr": 0}, network)
    assert stepped_cosine(optimizer, 4000).get_last_lr() == [0]


def test_swingaits_rate_falls_in_steps_to_its_least(network):
    optimizer = optimizer_of(SETTINGS, network, groups=(Group(r"head\.", share=0.1),))
    scheduler = stepped_cosine(optimizer, 4000)
    rates = []
    for _ in range(4002):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    head, rest = zip(*rates, strict=True)
    assert rest[0] == rest[999] == 3e-4 and head[0] == pytest.approx(3e-5)
    assert rest[1000] == pytest.approx(3e-4 * 0.853553, rel=1e-5)
    assert rest[2000] == rest[2999] == pytest.approx(1.5e-4)
    assert rest[4000] == head[4001] == pytest.approx(1e-6)
