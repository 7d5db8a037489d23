"""`gait gallery`: who is enrolled, and what is done about it."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.commands.printing import count_of, print_json
from pipeline.errors import GalleryError
from pipeline.gallery import people
from pipeline.gallery.register import Register, Who
from pipeline.gallery.reviews import read_reviews
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import Template, now
from pipeline.gallery.verify import Erasure, verify


def list_command(db: Path, as_json: bool) -> None:
    """One line a person."""
    register = Register.of(Gallery.open(db))
    if as_json:
        print_json({"people": [_person(who, register) | {"templates": who.templates} for who in register]})
        return
    for who in register:
        until = _until(register.expires(who))
        print(f"{who.identity[:8]}  {who.name}: {count_of(who.templates, 'template')}{until}")
    print(f"{count_of(len(register), 'person', 'people')} in {db}")


def show_command(db: Path, person: str, as_json: bool) -> None:
    """Everything that is known of somebody's templates."""
    gallery = Gallery.open(db)
    register = Register.of(gallery)
    who = people.find_person(register, person)
    templates = gallery.templates(only=[who.identity], by="identity")
    reviews = read_reviews(db, {template.template for template in templates})
    said = {item.template: f"{item.said}, {one.by}, {one.when} UTC" for one in reviews for item in one.items}
    if as_json:
        print_json(_person(who, register) | {"templates": [_facts(template, said) for template in templates]})
        return
    print(f"{who.name}\nidentity  {who.identity}" + ("" if who.named else " (nobody named them)"))
    for template in templates:
        print(f"\ntemplate  {template.template}")
        for name, value in _facts(template, said).items():
            if name not in ("template", "quality") and value not in (None, ""):
                print(f"  {name.replace('_', ' '):<18}{value}")
        for name, value in template.quality.items():
            print(f"  {name.replace('_', ' '):<18}{value:.4g}")


def rename_command(db: Path, person: str, name: str) -> None:
    """Another name for somebody."""
    renamed = people.rename(Gallery.open(db), person, name)
    print(f"{renamed.identity[:8]} is now called {renamed.name}")


def merge_command(db: Path, person: str, others: Sequence[str]) -> None:
    """Several people become one."""
    merged = people.merge(Gallery.open(db), person, others)
    print(f"{merged.name} ({merged.identity[:8]}) has {count_of(len(merged.templates), 'template')} now")


def split_command(db: Path, person: str, name: str, templates: Sequence[str]) -> None:
    """One person becomes two."""
    one, other = people.split(Gallery.open(db), person, name, templates)
    for who in (one, other):
        print(f"{who.name} ({who.identity[:8]}) has {count_of(len(who.templates), 'template')} now")


def delete_command(db: Path, person: str, yes: bool) -> None:
    """Remove somebody without a trace; say what proves it, and where else there may be copies."""
    gallery = Gallery.open(db)
    who = people.find_person(Register.of(gallery), person)
    if not yes and not _agreed(f"Remove {who.name} ({count_of(who.templates, 'template')}) for good?"):
        raise GalleryError("nothing was removed. Give --yes where nobody can be asked.")
    deleted, erasure = people.delete(gallery, who.identity)
    print(f"{deleted.name} ({deleted.identity}) is removed: {_proof(erasure)}")
    _tell_copies(db, deleted.templates)


def expire_command(db: Path) -> None:
    """Remove every template whose time is over."""
    gallery = Gallery.open(db)
    over, erasure = people.expire(gallery)
    for template in over:
        when = template.expires.date() if template.expires else ""
        print(f"{template.name} ({template.identity[:8]}), template {template.template}: expired {when}, removed")
    print(_proof(erasure) if erasure else f"nothing in {db} is past its expiry")
    if over:
        _tell_copies(db, over)


def verify_command(db: Path, absent: str | None, as_json: bool) -> None:
    """Read every row and every file. Raises GalleryError where something is wrong."""
    verdict = verify(Gallery.open(db), absent)
    if as_json:
        fields = ("people", "templates", "files", "bytes", "problems", "remarks", "absent")
        print_json({name: getattr(verdict, name) for name in fields})
    else:
        for line in (*verdict.problems, *verdict.remarks):
            print(line)
        if verdict.absent:
            print(f"{absent!r} is in none of {verdict.files} files ({verdict.bytes / 1e6:.1f} MB)")
        people_, templates = count_of(verdict.people, "person", "people"), count_of(verdict.templates, "template")
        print(f"{people_}, {templates}, {count_of(verdict.files, 'file')}")
    if verdict.problems:
        raise GalleryError(f"{db}: {count_of(len(verdict.problems), 'problem')}, the first: {verdict.problems[0]}")


def tidy_command(db: Path) -> None:
    """Remove old versions and what killed enrolments left."""
    gallery = Gallery.open(db)
    with gallery.writing() as writer:
        before = len(gallery.files())
        writer.tidy()
    print(f"{db}: {before} files before, {len(gallery.files())} now")


def export_command(db: Path, archive: Path, people: Sequence[str]) -> None:
    """Write everybody, or those who are named, into one file."""
    from pipeline.gallery.archive import export

    templates = export(Gallery.open(db), archive, people)
    print(f"{archive}: {count_of(templates, 'template')}, {archive.stat().st_size / 1e6:.1f} MB")


def import_command(db: Path, archive: Path, merge: bool) -> None:
    """Add what an exported file holds; what is there already stays as it is."""
    from pipeline.gallery.archive import read_archive, take_in

    templates = read_archive(archive)
    added = take_in(Gallery.create(db), templates, merge)
    print(f"{db}: {added} of {count_of(len(templates), 'template')} added")


def _person(who: Who, register: Register) -> dict[str, Any]:
    expires = _moment(register.expires(who))
    return {"identity": who.identity, "name": who.name, "named": who.named, "expires": expires}


def _facts(template: Template, said: Mapping[str | None, str]) -> dict[str, Any]:
    """A template in plain values, without its numbers. said: what persons said, by template."""
    c, p = template.parts.shape
    names = ("template", "video", "video_sha256", "track", "run", "frames_used", "weight", "model", "checkpoint_sha256")
    return {name: getattr(template, name) for name in names} | {
        "weight": round(template.weight, 3),
        "embedding": f"{c}×{p} float16",
        "enrolled": _moment(template.enrolled),
        "said": said.get(template.template),
        "consent": template.consent,
        "expires": _moment(template.expires),
        "quality": dict(template.quality),
    }


def _moment(when: datetime | None) -> str | None:
    return when.isoformat(timespec="seconds") if when else None


def _until(expires: datetime | None) -> str:
    if expires is None:
        return ""
    return f", {'expired' if expires <= now() else 'until'} {expires.date()}"


def _proof(erasure: Erasure) -> str:
    return (
        f"{erasure.before} of {erasure.marks} marks (identity, embeddings, silhouettes, name) were in the gallery's "
        f"files before, {erasure.after} are now ({erasure.files} files, {erasure.bytes / 1e6:.1f} MB read)"
    )


def _tell_copies(db: Path, templates: Sequence[Template]) -> None:
    """Run folders keep silhouettes too, some of them pictures of people, and are not the gallery's to remove."""
    runs = {db / template.run for template in templates if template.run}
    for run in sorted(filter(Path.is_dir, runs)):
        what = "silhouettes and pictures of people" if (run / "crops").is_dir() else "silhouettes"
        print(f"still has {what} of that video: {run.resolve()}")
    if any(template.run for template in templates):
        print(
            "videos, exports, reports of gait identify and the cache of runs (gait cache clear) are not part of the "
            "gallery: look there, too"
        )


def _agreed(question: str) -> bool:
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
