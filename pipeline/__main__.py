"""`python -m pipeline` is `gait`."""

from pipeline.cli import main

main()
