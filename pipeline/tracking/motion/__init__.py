"""A detector without weights: whoever moves before a learnt background."""
