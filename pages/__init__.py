"""The pages of the studio: direct scripts that read widgets, call the engine and place figures.

Streamlit takes a folder of this name for its older kind of pages until app.py has called st.navigation once; a visitor
who comes first, and straight to a page, would meet that page without app.py. Imported once per process, by whatever
runs first, this module switches the older kind off and starts the run again.
"""

from __future__ import annotations

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

if PagesManager.uses_pages_directory:
    PagesManager.uses_pages_directory = False
    st.rerun()
