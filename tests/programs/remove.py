"""Removes everybody from a gallery, one after another, and says whom once they are gone. ARGV: gallery."""

import sys
from pathlib import Path

from pipeline.gallery.people import delete, people_of
from pipeline.gallery.store import Gallery

gallery = Gallery.open(Path(sys.argv[1]))
for person in people_of(gallery.templates()):
    delete(gallery, person.identity)
    print(person.name, flush=True)
