"""Pictures that the user uploads: the box to drop them into, what was refused, and those that the session holds."""

from __future__ import annotations

import streamlit as st

from n3core.datasets.uploads import MAX_FILE_BYTES, MAX_PICTURES, UPLOAD_SUFFIXES, UploadedPictures, check_uploads
from pages.components.plain import literal
from pages.components.resources_uploads import publish_uploads

__all__ = ["held", "show_uploader"]

_HELD, _PROBLEMS, _BOX = "uploads_held", "uploads_problems", "uploads_box"
_SHOWN_PROBLEMS = 20


def held() -> UploadedPictures | None:
    """The pictures that this session has uploaded, or None."""
    pictures: UploadedPictures | None = st.session_state.get(_HELD)
    if pictures is not None:
        publish_uploads(pictures)
    return pictures


def show_uploader() -> None:
    """Show the box, what was refused last, and a button that forgets the pictures."""
    box = st.session_state.setdefault(_BOX, 0)
    files = st.file_uploader(
        "Your own pictures",
        type=[suffix.removeprefix(".") for suffix in UPLOAD_SUFFIXES],
        accept_multiple_files=True,
        max_upload_size=MAX_FILE_BYTES // 1_000_000,
        key=f"{_BOX} {box}",
        help=f"Images, or a zip of images, with one folder per class if you like. At most {MAX_PICTURES} pictures "
        "are kept, for this session only; larger ones are scaled down.",
    )
    if files:
        pictures = st.session_state.get(_HELD)
        with st.spinner("Looking at the pictures…"):
            checked = check_uploads(
                ((file.name, file.getvalue()) for file in files), pictures.pictures if pictures else ()
            )
        if checked.pictures:
            _keep(UploadedPictures(checked.pictures))
        st.session_state[_PROBLEMS] = checked.problems
        st.session_state[_BOX] = box + 1  # an empty box: the files themselves need not be held any longer
        st.rerun()
    if problems := st.session_state.get(_PROBLEMS):
        more = [f"and {len(problems) - _SHOWN_PROBLEMS} more"] if len(problems) > _SHOWN_PROBLEMS else []
        lines = [literal(line) for line in (*problems[:_SHOWN_PROBLEMS], *more)]
        st.warning("Some of it was not taken in:  \n" + "  \n".join(lines), icon=":material/block:")
    if pictures := held():
        with st.container(horizontal=True, vertical_alignment="center"):
            count = len(pictures.pictures)
            st.caption(f"{count} {'picture' if count == 1 else 'pictures'} of your own, kept for this session only")
            st.button("Remove them", icon=":material/delete:", key="forget_uploads", on_click=_forget)


def _keep(pictures: UploadedPictures) -> None:
    st.session_state[_HELD] = pictures
    publish_uploads(pictures)


def _forget() -> None:
    st.session_state.pop(_HELD, None)
    st.session_state.pop(_PROBLEMS, None)
