"""Browse: the pictures and descriptions of a dataset."""

from __future__ import annotations

from itertools import zip_longest

import streamlit as st

from n3core.datasets.base import classes_of
from pages.components import gallery, pickers
from pages.components.plain import literal

_VIEWS = ("Pictures", "Descriptions")

st.title("Browse", anchor=False)
st.caption("What the classes look like, and what is written about them.")

data_column, split_column, search_column, classes_column = st.columns([3, 3, 3, 5])
with data_column:
    chosen = pickers.show_dataset()
if chosen is None:
    st.stop()
data, dataset = chosen
with split_column:
    split = pickers.show_split(dataset)
with search_column:
    words = st.text_input(
        "Search", key="find", bind="query-params", type="search", placeholder="name or description"
    ).casefold()
classes = tuple(
    info for info in classes_of(dataset, split) if words in info.name.casefold() or words in info.description.casefold()
)
with classes_column:
    wanted = pickers.show_classes(
        classes, label="Classes", key="browse_classes", placeholder=f"All {len(classes)} classes"
    )
shown = tuple(wanted) or classes
if dataset.problems:
    with st.expander(f"{len(dataset.problems)} things were left out", icon=":material/warning:"):
        for problem in dataset.problems[:100]:
            st.markdown(literal(problem))
if not shown:
    st.info(
        f"No class of this split has “{literal(words)}” in its name or description. Try another word, or another split."
        if words
        else "This split has no classes. Choose another one.",
        icon=":material/search_off:",
    )
    st.stop()

pictures = {info.id: dataset.image_refs(info.id) for info in shown}
view = st.segmented_control(
    "View", _VIEWS, default=_VIEWS[0], required=True, key="view", bind="query-params", label_visibility="collapsed"
)
if view == _VIEWS[1]:
    gallery.show_cards(data, shown, pictures)
elif refs := tuple(ref for row in zip_longest(*pictures.values()) for ref in row if ref is not None):
    gallery.show_gallery(data, refs, {info.id: info for info in shown})
else:
    st.info("These classes have no pictures to show. Choose others.", icon=":material/image_not_supported:")
