"""Fits a gallery's discriminant again and again, and says each time that it has. ARGV: gallery."""

import sys
from pathlib import Path

from pipeline.gallery.discriminant import fit_discriminant
from pipeline.gallery.store import Gallery

gallery = Gallery.open(Path(sys.argv[1]))
while True:
    fit_discriminant(gallery, "euclidean")
    print("fitted", flush=True)
