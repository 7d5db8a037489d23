"""Says how many bytes are read for a job on a gallery. ARGV: gallery, a template's number, "everything" or "enrol"."""

import dataclasses
import sys
from pathlib import Path

from pipeline.commands.gallery.people import list_command, show_command
from pipeline.gallery.store import Gallery
from pipeline.gallery.template import new_id
from pipeline.jobs.enrol import add_templates, there_already


def read() -> int:
    lines = Path("/proc/self/io").read_text(encoding="utf-8").splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


gallery = Gallery.open(Path(sys.argv[1]))
(one,) = gallery.templates(stored=True, only=[sys.argv[2]])
one = dataclasses.replace(one, video_sha256="a" * 64)
new = [dataclasses.replace(one, template=new_id(), track=n, name=f"new {n}") for n in (1, 2, 3)]
before = read()
if sys.argv[3] == "everything":
    gallery.templates()
else:
    assert [outcome for *_, outcome in add_templates(gallery, new, merge=False).values()] == ["new"] * 3
    assert len(there_already(gallery, new)) == 3
    again = [dataclasses.replace(one, template=new_id(), track=4, name="PERSON 7")]
    assert [name for _, name, _ in add_templates(gallery, again, merge=True).values()] == ["person 7"]
    show_command(gallery.path, "new 3", as_json=False)
    list_command(gallery.path, as_json=False)
print(read() - before)
