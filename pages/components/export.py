"""Taking the work away: the synthesized classifier and the task as files. Files are made when asked for."""

from __future__ import annotations

from functools import partial

import streamlit as st

from n3core.descriptions import TaskSpec
from pages.components.resources import classifier_file, get_engine, task_file

__all__ = ["show"]

_SNIPPET = """import json, torchvision
from safetensors import safe_open

with safe_open("classifier.safetensors", "pt") as file:
    notes, tensors = file.metadata(), {{name: file.get_tensor(name) for name in file.keys()}}
network = torchvision.models.{base}({arguments})
network.load_state_dict(tensors)
names = json.loads(notes["class_names"])
network.eval()  # takes images of {size} x {size} pixels, normalised by notes["mean"] and notes["std"]
"""


def show(task: TaskSpec) -> None:
    """Show the download buttons and how to load the classifier."""
    engine = get_engine()  # here: what makes the file runs outside of the session, which has chosen the model
    st.subheader("Take it with you", anchor=False)
    with st.container(horizontal=True):
        st.download_button(
            "Classifier (safetensors)",
            partial(classifier_file, engine, task),
            file_name="classifier.safetensors",
            mime="application/octet-stream",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Task (json)",
            task_file(task),
            file_name="task.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
    title = "Load the classifier with torchvision alone"
    with st.expander(title, icon=":material/code:", on_change="rerun", key="snippet") as box:
        if not box.open:  # what colours the code is a large script: it loads with the first code on a page
            return
        config = engine.config
        arguments = f"num_classes={len(task.classes)}"
        if config.base == "googlenet":
            arguments += ", aux_logits=False, init_weights=False"
        st.code(_SNIPPET.format(base=config.base, arguments=arguments, size=config.image_size), language="python")
