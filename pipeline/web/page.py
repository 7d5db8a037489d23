"""The page: three tabs of Gradio components. What they do is behind `Actions`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import gradio as gr

from pipeline.web import html
from pipeline.web.content import Status

VIDEO_OF_THEIR_OWN, ENROLLED = "People in a video", "Enrolled people"
READY = html.status(Status("idle", "Choose the videos, then start."))
QUIET: Any = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}  # of an event
JOB = "job"  # one at a time, whoever asks

# Gradio calls every upload "File upload" to those who do not see it: what stands above it is its name.
LABELS = """() => {
  const name = () => document.querySelectorAll('.g-upload').forEach((block) => {
    const words = block.querySelector('label')?.innerText.trim();
    if (!words) return;
    block.querySelectorAll('input[type=file], button.center').forEach((it) => it.setAttribute('aria-label', words));
  });
  new MutationObserver(name).observe(document.body, {childList: true, subtree: true});
  name();
}"""

Shown = tuple[str, str]  # HTML of the status and of the answers
Choices = tuple[Sequence[str], str | None]  # what there is, and which is chosen


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form of the first tab says."""

    known_from: str
    gallery: Sequence[str]  # paths of uploads
    gallery_choice: Sequence[str]  # names in inputs/
    probes: Sequence[str]
    probe_choices: Sequence[str]
    profile: str
    blur_faces: bool


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What the form of the second tab says."""

    uploads: Sequence[str]
    choices: Sequence[str]
    names: str
    consent: str
    expires: str
    merge: bool
    profile: str


class Actions(Protocol):
    """What the page asks for. who: the request's cookie; each returns HTML or choices, and raises nothing."""

    def videos(self) -> list[str]: ...

    def wait(self, cookies: Any) -> str: ...

    def identify(self, cookies: Any, wanted: Wanted) -> Iterator[Shown]: ...

    def enrol(self, cookies: Any, wanted: Enrolment) -> Iterator[Shown]: ...

    def stop(self, cookies: Any) -> None: ...

    def left(self, cookies: Any) -> None: ...

    def people(self) -> tuple[str, Sequence[tuple[str, str]]]: ...

    def rename(self, person: str | None, name: str) -> str: ...

    def delete(self, person: str | None, sure: bool) -> str: ...

    def runs(self, cookies: Any) -> Choices: ...

    def walks(self, cookies: Any, run: str | None) -> tuple[Sequence[str], str | None, str | None]: ...

    def compare(self, cookies: Any, run: str | None, one: str | None, other: str | None) -> str: ...

    def forget(self, cookies: Any) -> str: ...


@dataclass(frozen=True, slots=True)
class Limits:
    """What the page says and Gradio keeps to."""

    profiles: Sequence[str]
    profile: str
    suffixes: Sequence[str]
    upload_mb: int
    hours: float
    db: str


def build(actions: Actions, limits: Limits) -> gr.Blocks:
    """The page, not served yet."""
    keep = max(60, round(3600 * limits.hours))
    with gr.Blocks(
        title="gait", analytics_enabled=False, delete_cache=(max(60, keep // 4), keep), fill_width=False
    ) as page:
        gr.HTML(html.words("head"))
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Identify", id="identify"):
                ended, choices = _identify_tab(actions, limits)
            with gr.Tab("Gallery", id="gallery") as gallery:
                *shown_people, choice = _gallery_tab(actions, limits)
            with gr.Tab("Compare", id="compare") as compare:
                runs, walks, update_runs, update_walks = _compare_tab(actions)
        gr.HTML(html.words("foot", mb=limits.upload_mb, hours=f"{limits.hours:g}"))
        forget = gr.Button("Delete my uploads and runs now", size="sm", elem_classes="g-forget")
        forgotten = gr.HTML()
        for event in (compare.select, ended.then, page.load):
            event(update_runs, None, runs, **QUIET).then(update_walks, runs, walks, **QUIET)
        for event in (gallery.select, page.load):
            event(shown_people[0], None, shown_people[1], **QUIET)

        def inputs() -> list[Any]:
            there = actions.videos()
            return [gr.Dropdown(choices=there, visible=bool(there)) for _ in (*choices, choice)]

        page.load(inputs, None, [*choices, choice], **QUIET)

        def forget_me(request: gr.Request) -> str:
            return actions.forget(request.cookies)

        forget.click(forget_me, None, forgotten, **QUIET)

        def left(request: gr.Request) -> None:
            actions.left(request.cookies)

        page.unload(left)
    page.queue(max_size=16, default_concurrency_limit=1, api_open=False)
    return page


def _identify_tab(actions: Actions, limits: Limits) -> tuple[Any, tuple[Any, Any]]:
    there = actions.videos()
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=320, elem_classes="g-form"):
            known_from = gr.Radio(
                [VIDEO_OF_THEIR_OWN, ENROLLED],
                value=VIDEO_OF_THEIR_OWN,
                label="Whom to look for",
                info="Enrolled people are those of the Gallery tab.",
            )
            with gr.Column() as known:
                gallery = _upload("Gallery: upload the video of the known people", limits, several=False)
                gallery_choice = gr.Dropdown(
                    there, value=None, label="… or choose it from inputs/", visible=bool(there)
                )
            probes = _upload("Probes: upload the videos to search", limits, several=True)
            probe_choices = gr.Dropdown(
                there, value=[], multiselect=True, label="… or choose them from inputs/", visible=bool(there)
            )
            with gr.Row():
                profile = gr.Dropdown(
                    list(limits.profiles),
                    value=limits.profile,
                    label="Profile",
                    info="Which networks; offline needs none.",
                )
                blur = gr.Checkbox(False, label="Blur faces", info="In videos and report.")
            with gr.Row():
                start = gr.Button("Identify", variant="primary", elem_id="start")
                stop = gr.Button("Stop", variant="stop", interactive=False, elem_id="stop")
            status = gr.HTML(READY, elem_id="status")
        with gr.Column(scale=5, min_width=320):
            answers = gr.HTML(html.words("blank"), elem_id="answers")

    def toggled(chosen: str) -> Any:
        return gr.Column(visible=chosen == VIDEO_OF_THEIR_OWN)

    def identify(
        known_from: str,
        gallery: str | None,
        gallery_choice: str | None,
        probes: list[str] | None,
        probe_choices: list[str] | None,
        profile: str,
        blur: bool,
        request: gr.Request,
    ) -> Iterator[Shown]:
        wanted = Wanted(
            known_from, _listed(gallery), _listed(gallery_choice), probes or [], probe_choices or [], profile, blur
        )
        yield from actions.identify(request.cookies, wanted)

    known_from.change(toggled, known_from, known, **QUIET)
    fields = [known_from, gallery, gallery_choice, probes, probe_choices, profile, blur]
    return _job(actions, start, stop, identify, fields, status, answers), (gallery_choice, probe_choices)


def _gallery_tab(actions: Actions, limits: Limits) -> tuple[Any, list[Any], Any]:
    there = actions.videos()
    gr.HTML(html.words("gallery", db=limits.db))
    table = gr.HTML(elem_id="people")
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=320, elem_classes="g-form"):
            gr.HTML('<h3 class="g-first">Enrol from a video</h3>')
            upload = _upload("Upload the video", limits, several=False)
            choice = gr.Dropdown(there, value=None, label="… or choose it from inputs/", visible=bool(there))
            names = gr.Textbox(
                label="Names by track",
                placeholder="1=Ada, 2=Bo",
                info="Only these are enrolled. Empty: everybody, under the video's name; rename them afterwards.",
            )
            with gr.Row():
                consent = gr.Textbox(label="Note on consent", placeholder="form of 31 January, signed")
                expires = gr.Textbox(label="Keep until", placeholder="2027-01-31 or 365 (days)")
            merge = gr.Checkbox(False, label="Further walks of people who have these names already")
            profile = gr.Dropdown(list(limits.profiles), value=limits.profile, label="Profile")
            with gr.Row():
                start = gr.Button("Enrol", variant="primary", elem_id="enrol")
                stop = gr.Button("Stop", variant="stop", interactive=False)
            status = gr.HTML(READY, elem_id="enrol-status")
        with gr.Column(scale=5, min_width=320):
            gr.HTML('<h3 class="g-first">Change who is enrolled</h3>')
            person = gr.Dropdown([], value=None, label="Person")
            with gr.Row(equal_height=True):
                name = gr.Textbox(label="New name", scale=3)
                rename = gr.Button("Rename", scale=1)
            with gr.Row(equal_height=True):
                sure = gr.Checkbox(False, label="Remove this person and every trace in the gallery, for good", scale=3)
                delete = gr.Button("Delete", variant="stop", scale=1)
            said = gr.HTML(elem_id="said")
            answers = gr.HTML(elem_id="enrolled")

    def enrol(
        upload: str | None,
        choice: str | None,
        names: str,
        consent: str,
        expires: str,
        merge: bool,
        profile: str,
        request: gr.Request,
    ) -> Iterator[Shown]:
        wanted = Enrolment(_listed(upload), _listed(choice), names, consent, expires, merge, profile)
        yield from actions.enrol(request.cookies, wanted)

    def people() -> tuple[str, Any]:
        shown, who = actions.people()
        return shown, gr.Dropdown(choices=list(who), value=None)

    def people_now() -> tuple[str, Any]:
        shown, who = actions.people()
        return shown, gr.Dropdown(choices=list(who))  # whoever has been chosen meanwhile stays chosen

    def renamed(person: str | None, name: str) -> tuple[str, str, Any]:
        return actions.rename(person, name), *people()

    def deleted(person: str | None, sure: bool) -> tuple[str, Any, Any, Any]:
        said = actions.delete(person, sure)
        return (said, *people(), False) if sure else (said, gr.skip(), gr.skip(), gr.skip())

    quick: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    ended = _job(
        actions, start, stop, enrol, [upload, choice, names, consent, expires, merge, profile], status, answers
    )
    ended.then(people_now, None, [table, person], queue=False, **quick)
    rename.click(renamed, [person, name], [said, table, person], concurrency_id="gallery", **quick)
    delete.click(deleted, [person, sure], [said, table, person, sure], concurrency_id="gallery", **quick)
    return people_now, [table, person], choice


def _compare_tab(actions: Actions) -> tuple[Any, list[Any], Any, Any]:
    gr.HTML(html.words("compare"))
    run = gr.Dropdown([], value=None, label="Run", info="Of this visit, the newest first.")
    with gr.Row():
        one = gr.Dropdown([], value=None, label="One walk")
        other = gr.Dropdown([], value=None, label="Another walk")
    start = gr.Button("Compare", variant="primary", elem_id="start-comparison")
    answer = gr.HTML(elem_id="comparison")

    def runs(request: gr.Request) -> Any:
        names, chosen = actions.runs(request.cookies)
        return gr.Dropdown(choices=list(names), value=chosen)

    def walks(run: str | None, request: gr.Request) -> tuple[Any, Any]:
        names, first, second = actions.walks(request.cookies, run)
        return gr.Dropdown(choices=list(names), value=first), gr.Dropdown(choices=list(names), value=second)

    def compare(run: str | None, one: str | None, other: str | None, request: gr.Request) -> str:
        return actions.compare(request.cookies, run, one, other)

    run.input(walks, run, [one, other], **QUIET)
    start.click(compare, [run, one, other], answer, concurrency_id="compare", api_visibility="private")
    return run, [one, other], runs, walks


def _job(actions: Actions, start: Any, stop: Any, work: Any, fields: list[Any], status: Any, answers: Any) -> Any:
    """Wire the two buttons of a job; returns its last event."""

    def begin(request: gr.Request) -> tuple[str, Any, Any]:
        return actions.wait(request.cookies), gr.Button(interactive=False), gr.Button(interactive=True)

    def end() -> tuple[Any, Any]:
        return gr.Button(interactive=True), gr.Button(interactive=False)

    def stopped(request: gr.Request) -> None:
        actions.stop(request.cookies)

    quick: dict[str, Any] = {"show_progress": "hidden", "queue": False, "api_visibility": "private"}
    begun = start.click(begin, None, [status, start, stop], **quick)
    working = begun.then(
        work,
        fields,
        [status, answers],
        concurrency_id=JOB,
        concurrency_limit=1,
        show_progress="hidden",
        api_visibility="private",
    )
    stop.click(stopped, None, None, **quick)
    return working.then(end, None, [start, stop], **quick)


def _upload(label: str, limits: Limits, several: bool) -> Any:
    count: Any = "multiple" if several else "single"
    kinds = list(limits.suffixes)
    return gr.File(
        label=label, file_types=kinds, file_count=count, type="filepath", height=150, elem_classes="g-upload"
    )


def _listed(value: str | None) -> list[str]:
    return [value] if value else []
