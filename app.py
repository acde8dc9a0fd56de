"""N3 Studio: the pages and what frames them. Start it with `n3 app` or `streamlit run app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from n3core.process import prepare_process
from pages.components import keyboard
from pages.components.resources import warm_up

prepare_process()
_ASSETS = Path(__file__).parent / "assets"

st.set_page_config(page_title="N3 Studio", page_icon=_ASSETS / "icon.png", layout="wide")
st.logo(_ASSETS / "logo.svg", size="large", icon_image=_ASSETS / "icon.png")

_PAGES = (
    ("browse", "Browse", "photo_library", "The pictures and descriptions of a dataset, by split and class."),
    ("describe", "Describe", "edit_note", "Edit the descriptions of a task and watch the predictions change."),
    ("adaptation", "Adaptation", "stacked_bar_chart", "How far the descriptions move every tensor of the network."),
    ("evidence", "Evidence", "format_ink_highlighter", "Which words speak for and against a class."),
    ("saliency", "Saliency", "center_focus_strong", "Which pixels decide."),
    ("diagnose", "Diagnose", "troubleshoot", "Which description spoils the task, and why."),
    ("report", "Report", "summarize", "All of it as one file."),
    ("benchmarks", "Benchmarks", "leaderboard", "Every system of the papers on the same pictures and texts."),
)

page = st.navigation(
    [
        st.Page(f"pages/{name}.py", title=title, icon=f":material/{icon}:", help=help_text, default=name == "browse")
        for name, title, icon, help_text in _PAGES
    ],
    position="top",
)
st.set_page_config(page_title=f"{page.title} - N3 Studio")
st.html(_ASSETS / "style.css")
keyboard.show()
page.run()
warm_up()
