"""The profile of a run for which nobody named one: the strongest that this machine can run with the weights it has."""

from __future__ import annotations

from pipeline.config import DEFAULT_PROFILE
from pipeline.extraction.networks import missing_cards
from pipeline.inference.runtime import device
from pipeline.profiles import Options, load_config

STRONGEST = "best"
STAGES = ("tracking.", "segmentation.", "pose.", "recognition.", "matching.")


def chosen_profile(options: Options, gpu: bool | None = None) -> tuple[str, str]:
    """The profile, and a line that says why; an empty one where the profile or settings of a stage were named.

    STRONGEST wants a GPU and weights that nobody fetches without having asked for them: others than the default's are
    for academic use. gpu: default: whether `runtime.device` means one. Raises ConfigError for wrong settings.
    """
    if options.profile or any(setting.startswith(STAGES) for setting in options.overrides):
        return options.profile or DEFAULT_PROFILE, ""
    config = load_config(STRONGEST, options.overrides)
    if not (device(config.runtime) == "cuda" if gpu is None else gpu):
        return DEFAULT_PROFILE, f"profile {DEFAULT_PROFILE}: {STRONGEST} wants a GPU"
    if missing := missing_cards(config, options.checkpoints):
        advice = f"has no {' and '.join(card.name for card in missing)} here (gait checkpoints fetch {STRONGEST})"
        return DEFAULT_PROFILE, f"profile {DEFAULT_PROFILE}: {STRONGEST} {advice}"
    about = "a GPU and its weights are here. It sees clothes, too; --config light does not"
    return STRONGEST, f"profile {STRONGEST}: {about}"
