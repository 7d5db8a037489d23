"""report.html: one file that needs no network, no scripts and nothing beside it but the videos it links to."""

from pipeline.views.report.page import Page, render

__all__ = ["Page", "render"]
