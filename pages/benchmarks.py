"""Benchmarks: what every system of the papers makes of the same pictures and texts."""

from __future__ import annotations

import streamlit as st

from n3core.errors import InputError
from pages.components import benchmarks, benchmarks_attention, benchmarks_source, heading
from pages.components.plain import literal

heading.show(
    "Benchmarks",
    "The systems of the papers on the same pictures and texts, judged on classes that none was fitted to. CLIP and the "
    "shipped N3 come as they are: see their remarks.",
    with_model=False,
)

results = benchmarks_source.show()
view = benchmarks.show_views(results)
try:
    if view == benchmarks.ATTENTION:
        benchmarks_attention.show(results)
    elif results is None:
        benchmarks_source.show_empty()
    else:
        benchmarks.show(results, view)
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
