"""The web app as one sees it: the page (Gradio), its colours, and the HTML of what is shown in it.

Only `gait serve` imports page.py and theme.py, which import Gradio.
"""
