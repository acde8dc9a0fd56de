"""Uploaded pictures by name, so that what shows pictures of a dataset shows them, too.

A session holds its pictures; here they are only found again, and forgotten with the session. A name is made of the
hashes of their contents: nobody finds pictures of another session by guessing.
"""

from __future__ import annotations

from weakref import WeakValueDictionary

import streamlit as st

from n3core.datasets.uploads import UploadedPictures
from n3core.errors import InputError

__all__ = ["publish_uploads", "uploads_by_name"]


@st.cache_resource(show_spinner=False)
def _published() -> WeakValueDictionary[str, UploadedPictures]:
    return WeakValueDictionary()


def publish_uploads(pictures: UploadedPictures) -> None:
    """Let pictures be found by their name for as long as somebody holds them."""
    _published()[pictures.name] = pictures


def uploads_by_name(name: str) -> UploadedPictures:
    """Find pictures that a session holds.

    Raises:
        InputError: nobody holds them any more.
    """
    found = _published().get(name)
    if found is None:
        raise InputError("the uploaded pictures are no longer here; upload them again")
    return found
