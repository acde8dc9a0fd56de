"""N3 Studio: the pages and what frames them. Start it with `n3 app` or `streamlit run app.py`."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components.resources import warm_up

_ASSETS = Path(__file__).parent / "assets"

st.set_page_config(page_title="N3 Studio", page_icon=_ASSETS / "icon.png", layout="wide")
st.logo(_ASSETS / "logo.svg", size="large", icon_image=_ASSETS / "icon.png")

page = st.navigation(
    [
        st.Page(
            "pages/browse.py",
            title="Browse",
            icon=":material/photo_library:",
            help="The pictures and descriptions of a dataset, by split and class.",
            default=True,
        ),
        st.Page(
            "pages/describe.py",
            title="Describe",
            icon=":material/edit_note:",
            help="Edit the descriptions of a task and watch the predictions of the synthesized network change.",
        ),
    ],
    position="top",
)
page.run()
warm_up()
