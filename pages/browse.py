"""Browse: the pictures and descriptions of a dataset, or of one's own pictures."""

from __future__ import annotations

import streamlit as st

from n3core.datasets.base import classes_of
from n3core.errors import InputError
from pages.components import gallery, heading, outcomes, pickers, picture, task_chooser
from pages.components.plain import literal
from pages.components.resources_browse import gallery_of

_VIEWS = ("Pictures", "Descriptions", "Counts")

heading.show("Browse", "What the classes look like, and what is written about them.")
task_chooser.open_linked()

data_column, split_column, search_column, classes_column = st.columns([3, 3, 3, 5])
below = st.container()
with data_column:
    chosen = pickers.show_dataset(below)
if chosen is None:
    task_chooser.show_samples_to_start()
    st.stop()
data, dataset = chosen
with split_column:
    split = pickers.show_split(dataset) if dataset.splits else "all"
with search_column:
    words = st.text_input(
        "Search", key="find", bind="query-params", type="search", placeholder="name or description"
    ).casefold()
with below, st.container(horizontal=True, vertical_alignment="bottom"):
    pickers.show_kingdom(data)
    with st.container(width=230):
        predicted = outcomes.show_filter()
    try:
        subsets = pickers.show_subsets(dataset)
    except InputError as error:
        st.error(literal(str(error)), icon=":material/error:")
        st.stop()
    within = pickers.show_groups(classes_of(dataset, split))
classes = tuple(info for info in within if words in info.name.casefold() or words in info.description.casefold())
with classes_column:
    wanted = pickers.show_classes(
        classes,
        label="Classes",
        key="classes",
        placeholder=f"All {len(classes)} classes" if len(classes) > 1 else "The one class",
        in_address=True,
    )
shown = tuple(wanted) or classes
if count := len(dataset.problems):
    title = "1 remark on this dataset" if count == 1 else f"{count:,} remarks on this dataset"
    with st.expander(title, icon=":material/warning:"):
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

try:
    found = gallery_of(data, tuple(info.id for info in shown), subsets)
except InputError as error:
    st.error(literal(str(error)), icon=":material/error:")
    st.stop()
by_id = {info.id: info for info in shown}
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    view = st.segmented_control(
        "View", _VIEWS, default=_VIEWS[0], required=True, key="view", bind="query-params", label_visibility="collapsed"
    )
    task_chooser.show_start(data, dataset, shown, split)
refs, named = outcomes.filter_pictures(predicted, data, dataset, found.refs, shown)
if view == "Counts":
    gallery.show_counts(dataset, shown, found.counts)
elif view == "Descriptions":
    first = {ref.class_id: ref for ref in reversed(found.refs)}
    gallery.show_cards(data, shown, found.counts, first)
elif refs:
    gallery.show_gallery(data, refs, by_id, named)
    picture.show_linked(data, refs, by_id)
elif found.refs:
    st.info("No picture is left by this choice of predictions. Choose others.", icon=":material/filter_alt_off:")
else:
    st.info("These classes have no pictures to show. Choose others.", icon=":material/image_not_supported:")
task_chooser.show_samples_to_start()
