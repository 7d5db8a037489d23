"""Jobs from their beginning to their end: analyse videos, enrol, identify, draw, report."""
