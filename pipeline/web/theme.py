"""Colours and letters of the app: those of this system, nothing from the network; text at least 4.5 : 1 (WCAG AA)."""

from __future__ import annotations

import gradio as gr

_LETTERS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
_FIXED = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]

_COLOURS = {  # light, and dark where it is another
    "body_background_fill": ("#f4f5f7", "#0e1115"),
    "body_text_color": ("#1a1e23", "#e7eaee"),
    "body_text_color_subdued": ("#555e68", "#a4aeb9"),
    "block_background_fill": ("#ffffff", "#171b21"),
    "block_border_color": ("#d9dde3", "#2d343d"),
    "block_label_text_color": ("#1a1e23", "#e7eaee"),
    "block_title_text_color": ("#1a1e23", "#e7eaee"),
    "block_info_text_color": ("#555e68", "#a4aeb9"),
    "input_background_fill": ("#ffffff", "#20262e"),
    "input_border_width": ("1px",),
    "input_border_color": ("#8b95a0", "#5d6874"),
    "input_placeholder_color": ("#626c77", "#a4aeb9"),
    "button_primary_background_fill": ("#0b5fa5", "#0b5fa5"),
    "button_primary_background_fill_hover": ("#094d86", "#1670bd"),
    "button_primary_text_color": ("#ffffff", "#ffffff"),
    "button_secondary_background_fill": ("#e3e7ec", "#2a323c"),
    "button_secondary_background_fill_hover": ("#d4dae1", "#364049"),
    "button_secondary_text_color": ("#1a1e23", "#e7eaee"),
    "button_cancel_background_fill": ("#a32020", "#a32020"),
    "button_cancel_background_fill_hover": ("#851818", "#c03030"),
    "button_cancel_text_color": ("#ffffff", "#ffffff"),
    "link_text_color": ("#0b5fa5", "#79b8f3"),
    "color_accent": ("#0b5fa5",),
    "checkbox_border_color": ("#767f89", "#8b95a0"),
    "checkbox_background_color_selected": ("#0b5fa5", "#0b5fa5"),
}


def theme() -> gr.themes.Base:
    """The report's colours for Gradio's components, light and dark."""
    light = {name: colours[0] for name, colours in _COLOURS.items()}
    dark = {f"{name}_dark": colours[1] for name, colours in _COLOURS.items() if len(colours) > 1}
    return gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.gray,
        radius_size=gr.themes.sizes.radius_md,
        font=_LETTERS,
        font_mono=_FIXED,
    ).set(**light, **dark)
