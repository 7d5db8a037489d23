"""Train gaitbase_synth with these settings; print the error that ends it, and what processes are left while it is kept."""

import multiprocessing
import sys
from pathlib import Path

import torch

from pipeline.errors import GaitError
from pipeline.research.training.config import load_training_config
from pipeline.research.training.fit import train

if __name__ == "__main__":
    output, *settings = sys.argv[1:]
    torch.set_num_threads(1)
    kept = None
    try:
        train(load_training_config("gaitbase_synth", settings), Path(output), False, "cpu", lambda line: None)
    except GaitError as error:
        kept = error
        print(f"{type(error).__name__}: {error}")
    print(f"{len(multiprocessing.active_children())} left")
