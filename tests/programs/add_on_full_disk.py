"""Adds a template to a gallery where no file may grow any more. ARGV: gallery of one template."""

import dataclasses
import resource
import sys
from pathlib import Path

from pipeline.errors import GalleryError
from pipeline.gallery.store import Gallery

gallery = Gallery.open(Path(sys.argv[1]))
(template,) = gallery.templates(stored=True)
template = dataclasses.replace(template, template="f" * 16)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    with gallery.writing() as writer:
        writer.add([template])
except GalleryError as error:
    print(error)
