"""Evaluation by the published protocols of the field's data sets."""
