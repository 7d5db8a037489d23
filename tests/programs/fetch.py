"""Fetches a checkpoint, and says whether it had to be downloaded. ARGV: card as JSON, folder."""

import sys
from pathlib import Path

from pipeline.weights.cards import Card
from pipeline.weights.fetch import fetch

print(fetch(Card.model_validate_json(sys.argv[1]), Path(sys.argv[2])).downloaded)
