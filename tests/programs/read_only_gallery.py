"""What one of the gallery's readers may do who may not write. ARGV: gallery; beside it lies "theirs", which is shut."""

import os
import sys
from pathlib import Path

from pipeline.errors import GalleryError
from pipeline.gallery.store import Gallery

gallery = Gallery.open(Path(sys.argv[1]))
gallery.templates()  # everything is imported before the rights are dropped
if os.getuid() == 0:
    os.setuid(65534)
print([template.name for template in Gallery.open(gallery.path).templates()])
try:
    with gallery.writing():
        pass
except GalleryError as error:
    print(error)
try:
    Gallery.open(gallery.path.with_name("theirs"))
except GalleryError as error:
    print(error)
