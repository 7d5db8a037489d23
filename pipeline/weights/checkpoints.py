"""Checkpoints: find the file that a card or a path means, and verify that it is what it should be."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.errors import CheckpointError
from pipeline.files import from_home
from pipeline.weights.cards import Card, Checkpoint, Stage, cards, own_card
from pipeline.weights.files import cache_folder, download_folder, recorded_sha256, search_folders, sha256_of
from pipeline.weights.not_weights import refuse_text

__all__ = ["Card", "Checkpoint", "cache_folder", "cards", "download_folder", "resolve", "search_folders"]

_SECTION = {"detector": "tracking", "segmenter": "segmentation", "encoder": "recognition", "pose": "pose"}


def resolve(
    name_or_path: str,
    card: str | None = None,
    folders: Sequence[Path] | None = None,
    *,
    stage: Stage | None = None,
    model: str | None = None,
) -> Checkpoint:
    """Find a checkpoint and verify its sha256.

    Args:
        name_or_path: A card's name, or a file.
        card: The card whose conventions the file follows. Without it the file needs its own card beside it (its stem +
            .yaml), or must be a byte for byte copy of a file that some card describes.
        folders: Where to look; default: `search_folders()`.
        stage: The stage that will use it.
        model: The network that will read it: nobody is told to fetch weights of another.

    Raises:
        CheckpointError: The name is unknown, the file missing or damaged, or the card is of another stage.
    """
    folders = search_folders() if folders is None else folders
    wrong: dict[str, CheckpointError] = {}
    table = cards(folders, wrong)
    for named in (name_or_path, card):
        if named in wrong:
            raise wrong[named]
    if name_or_path in table:
        if card not in (None, name_or_path):
            raise CheckpointError(
                f"{name_or_path!r} is itself a card, so card={card} contradicts it. Leave one of them out."
            )
        chosen = table[name_or_path]
        _refuse_other_stage(chosen, stage, table)
        if stage is not None and not chosen.runs:
            raise CheckpointError(f"{chosen.name}: {not_run(chosen)} Choose another card (`gait models list`).")
        return _find(chosen, folders, model)
    path = _path_of(name_or_path, folders, table)
    chosen = _card_for(path, card, table, stage)
    _refuse_other_stage(chosen, stage, table)
    file = weights_file(path)
    refuse_text(file)
    return Checkpoint(chosen, path, sha256_of(file))


def locate(card: Card, folders: Sequence[Path]) -> list[Path]:
    """Every place where the card's file (or folder) lies, in search order, verified or not."""
    file = Path(card.file)
    names = [file, Path(card.name, file.name), Path(file.name)]
    if card.zipped and card.url is not None and not file.suffix:
        names.append(Path(Path(urlsplit(card.url).path).stem))  # unzipped by hand
    return list(dict.fromkeys(path for folder in folders for name in names if (path := folder / name).exists()))


def weights_file(path: Path) -> Path:
    """The file that a checkpoint's sha256 is of: itself, a Paddle folder's .pdiparams, the .bin of an OpenVINO .xml.

    Raises CheckpointError for a folder without just one .pdiparams, and for an .xml without its .bin.
    """
    if path.suffix == ".xml":
        weights = path.with_suffix(".bin")
        if not weights.is_file():
            raise CheckpointError(f"{path}: its weights, {weights.name}, are missing beside it. Export it again.")
        return weights
    if not path.is_dir():
        return path
    parameters = sorted(path.glob("*.pdiparams"))
    if len(parameters) != 1:
        raise CheckpointError(
            f"{path}: expected a Paddle model with one .pdiparams, found {len(parameters)}. Fetch it again."
        )
    return parameters[0]


def verify(card: Card, path: Path, *, afresh: bool = False) -> str:
    """The sha256 of the card's file at `path`. afresh: read the file even where its hash is remembered.

    Raises CheckpointError where it is neither the card's nor the one recorded at the first download, or no weights.
    """

    def refuse(expected: str, found: object) -> None:
        raise CheckpointError(
            f"{path}: expected {expected} for {card.name}, found {found}. "
            f"Delete it and fetch again: gait checkpoints fetch {card.name}"
        )

    file = weights_file(path)
    refuse_text(file)
    if card.size is not None and not card.zipped and file.stat().st_size != card.size:
        refuse(f"{card.size} bytes", file.stat().st_size)
    found = sha256_of(file, afresh=afresh)
    if (expected := card.sha256 or recorded_sha256(path)) not in (None, found):
        refuse(f"sha256 {expected}", found)
    return found


def how_to_get(card: Card) -> str:
    """What to do to have the card's file, as one sentence."""
    if card.manual is not None:
        return f"By hand: {' '.join(card.manual.split())}."
    return f"Fetch it: gait checkpoints fetch {card.name}" if card.url else "Put its file into one of these folders."


def not_run(card: Card) -> str:
    """What to say of a card whose `runs` is false."""
    return f"no network here reads weights of {card.model} yet (docs/models.md)."


def _find(card: Card, folders: Sequence[Path], model: str | None) -> Checkpoint:
    """The first place whose file is right: several checkpoints share a file name, so a wrong one is passed by."""
    wrong: CheckpointError | None = None
    for path in locate(card, folders):
        try:
            return Checkpoint(card, path, verify(card, path))
        except CheckpointError as error:
            wrong = wrong or error
    if wrong is not None:
        raise wrong
    if model and card.model not in ("", model):
        raise CheckpointError(
            f"{card.name}: weights of {card.model}, not {model}. Set recognition.encoder={card.model}."
        )
    looked = ", ".join(str(folder) for folder in folders)
    raise CheckpointError(f"checkpoint {card.name}: {card.file} is in none of {looked}. {how_to_get(card)}")


def _path_of(text: str, folders: Sequence[Path], table: Mapping[str, Card]) -> Path:
    given = from_home(text)
    for path in (given, *(folder / given for folder in folders if not given.is_absolute())):
        if path.exists():
            return path
    if "/" in text or "\\" in text or given.suffix:
        raise CheckpointError(f"{text}: no such checkpoint file, here or in {', '.join(map(str, folders))}.")
    close = difflib.get_close_matches(text, table, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise CheckpointError(f"no checkpoint {text!r}; {hint}`gait checkpoints list` shows them all.")


def _card_for(path: Path, card: str | None, table: Mapping[str, Card], stage: Stage | None) -> Card:
    if card is not None:
        if card not in table:
            close = difflib.get_close_matches(card, table, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ". See: gait checkpoints list"
            raise CheckpointError(f"card {card!r} is unknown{hint}")
        return table[card]
    beside = own_card(path.with_name(f"{path.name.removesuffix('.tar').rpartition('.')[0] or path.name}.yaml"))
    if beside is not None:
        return beside
    for known in table.values():  # a copy under another name: its bytes say which card it is
        same_size = known.sha256 is not None and path.is_file() and path.stat().st_size == known.size
        if same_size and sha256_of(path) == known.sha256:
            return known
    section = _SECTION[stage] if stage else "tracking"
    raise CheckpointError(
        f"{path}: which conventions does it follow? Put a card {path.stem}.yaml beside it (docs/checkpoints.md), or, "
        f"where the command takes settings, say --set {section}.card=NAME (`gait checkpoints list`)."
    )


def _refuse_other_stage(card: Card, stage: Stage | None, table: Mapping[str, Card]) -> None:
    if stage is None or card.stage == stage:
        return
    fitting = ", ".join([name for name, other in table.items() if other.stage == stage][:4])
    raise CheckpointError(
        f"{card.name} is a checkpoint of stage {card.stage}, not {stage}. "
        f"Set {_SECTION[stage]}.checkpoint to one of {fitting}, …"
    )
