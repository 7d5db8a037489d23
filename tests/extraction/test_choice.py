"""Which profile a run has for which nobody named one."""

from __future__ import annotations

import pytest

from pipeline.extraction.choice import chosen_profile
from pipeline.extraction.networks import checkpoints_of
from pipeline.profiles import Options, load_config
from pipeline.weights.checkpoints import cards


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder where the weights of `best` lie, and no other that is searched."""
    monkeypatch.delenv("GAIT_CHECKPOINTS", raising=False)
    monkeypatch.chdir(tmp_path)
    table = cards([], {})
    for name in checkpoints_of(load_config("best")):
        if name in table:
            (file := tmp_path / "weights" / table[name].file).parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    return tmp_path / "weights"


def test_the_strongest_is_taken_where_a_gpu_and_its_weights_are(weights):
    profile, why = chosen_profile(Options(checkpoints=weights), gpu=True)
    assert profile == "best" and why.startswith("profile best: ")


def test_without_its_weights_it_is_said_how_to_get_them(weights):
    (lost,) = weights.rglob("BiggerGait*")
    lost.unlink()
    profile, why = chosen_profile(Options(checkpoints=weights), gpu=True)
    assert profile == "light"
    assert why == "profile light: best has no biggergait_ccgr_share_group here (gait checkpoints fetch best)"


def test_a_processor_runs_the_default(weights):
    chosen = chosen_profile(Options(checkpoints=weights, overrides=["runtime.device=cpu"]))
    assert chosen == ("light", "profile light: best wants a GPU")


@pytest.mark.parametrize("named", [{"profile": "fixed"}, {"overrides": ["recognition.encoder=gei"]}])
def test_nothing_is_chosen_for_who_names_a_profile_or_settings_of_a_stage(weights, named):
    assert chosen_profile(Options(checkpoints=weights, **named), gpu=True) == (named.get("profile", "light"), "")
