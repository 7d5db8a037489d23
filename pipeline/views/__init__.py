"""What a person looks at: annotated videos, progress, reports."""
