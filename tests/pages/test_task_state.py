"""The task of a session: edits, undo and redo, snapshots, pasting, and what stands in the address."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from n3core.descriptions import ClassDescription, TaskSpec
from n3core.errors import InputError
from n3core.pasted import parse_pasted

ROSE, LILY = ClassDescription("rose", "Red petals."), ClassDescription("lily", "White petals.")


@pytest.fixture
def state() -> Iterator[Any]:
    """The module, on an empty session of its own."""
    from pages.components import task_state

    st.session_state.clear()
    st.query_params.clear()
    yield task_state
    st.session_state.clear()
    st.query_params.clear()


@pytest.fixture
def opened(state: Any) -> Any:
    """As `state`, with a task of two classes."""
    state.start(TaskSpec((ROSE, LILY), "fieldbook-flowers", "Two"))
    return state


def texts(state: Any) -> dict[str, str]:
    task = state.current()
    return dict(zip(task.names, task.texts, strict=True))


def test_undo_and_redo_walk_the_same_way_back_and_forth(opened: Any) -> None:
    versions = [opened.current()]
    for number in range(5):
        assert opened.replace_text("rose", f"Red, number {number}.")
        versions.append(opened.current())
    for version in reversed(versions[:-1]):
        opened.undo()
        assert opened.current() == version
    opened.undo()
    assert opened.current() == versions[0] == opened.first()
    for version in versions[1:]:
        assert opened.can_redo()
        opened.redo()
        assert opened.current() == version
    assert not opened.can_redo()


def test_an_edit_after_an_undo_gives_up_what_was_undone(opened: Any) -> None:
    opened.replace_text("rose", "One.")
    opened.undo()
    opened.replace_text("rose", "Another.")
    assert not opened.can_redo()
    opened.redo()
    assert texts(opened)["rose"] == "Another."


def test_500_edits_keep_the_opened_task_and_a_bounded_number_of_versions(opened: Any) -> None:
    first = opened.first()
    for number in range(500):
        assert opened.replace_text("rose", f"Red, number {number}.")
    assert opened.first() == first and texts(opened)["rose"] == "Red, number 499."
    assert len(st.session_state["task_versions"]) <= 50
    for _ in range(600):
        opened.undo()
    assert opened.current() == first and len(st.session_state["task_undone"]) <= 50


def test_a_refused_edit_changes_nothing_and_is_told_once(opened: Any) -> None:
    before = opened.current()
    for attempt in (
        lambda: opened.replace_text("rose", "  "),
        lambda: opened.add_class("lily", "Twice."),
        lambda: opened.rename_class("rose", "Lily"),
        lambda: opened.remove_class("rose"),
        lambda: opened.paste_many("no colon here"),
        lambda: opened.restore_snapshot("nothing"),
    ):
        assert not attempt()
        error = opened.take_error()
        assert error and "\n" not in error and opened.take_error() is None
        assert opened.current() == before and opened.previous() is None


def test_copies_get_free_names_and_stand_behind_the_original(opened: Any) -> None:
    assert opened.duplicate_class("rose") == "rose copy"
    assert opened.duplicate_class("rose") == "rose copy 2"
    assert opened.current().names == ("rose", "rose copy 2", "rose copy", "lily")
    assert opened.duplicate_class("gone") is None
    long = "x" * 200
    opened.add_class(long, "Long.")
    assert opened.duplicate_class(long) in opened.current().names


def test_reset_goes_back_to_the_opened_text_or_to_another(opened: Any) -> None:
    opened.replace_text("rose", "Changed.")
    assert opened.reset_class("rose") and texts(opened)["rose"] == ROSE.text
    assert opened.reset_class("rose", "As in the dataset.") and texts(opened)["rose"] == "As in the dataset."
    opened.add_class("tulip", "New.")
    assert not opened.reset_class("tulip") and texts(opened)["tulip"] == "New."


def test_pasting_replaces_known_names_and_adds_others_in_one_edit(opened: Any) -> None:
    assert opened.paste_many("lily: Trumpets.\ntulip: A cup.\n  Of six petals.")
    assert texts(opened) == {"rose": ROSE.text, "lily": "Trumpets.", "tulip": "A cup. Of six petals."}
    opened.undo()
    assert texts(opened) == {"rose": ROSE.text, "lily": LILY.text}


def test_pasting_without_a_task_opens_one(state: Any) -> None:
    assert not state.paste_many("rose: Red.") and "2 classes" in state.take_error()
    assert state.paste_many("rose: Red.\nlily: White.")
    assert state.current().names == ("rose", "lily") and state.current().dataset is None


def test_snapshots_are_kept_compared_restored_and_forgotten(opened: Any) -> None:
    assert opened.take_snapshot("good")
    opened.replace_text("rose", "Worse.")
    assert opened.take_snapshot()
    assert list(opened.snapshots()) == ["good", "Snapshot 1"]
    assert list(opened.comparable()) == ["As opened", "good", "Snapshot 1", "Before the last edit", "Now"]
    assert not opened.take_snapshot("good") and not opened.take_snapshot("Now") and not opened.take_snapshot("x" * 99)
    assert opened.restore_snapshot("good") and texts(opened)["rose"] == ROSE.text
    opened.undo()
    assert texts(opened)["rose"] == "Worse."
    opened.remove_snapshot("good")
    assert list(opened.snapshots()) == ["Snapshot 1"]
    for _ in range(40):
        opened.take_snapshot()
    assert len(opened.snapshots()) == 20 and "remove one" in opened.take_error()


def test_opening_another_task_keeps_edited_work_as_a_snapshot(opened: Any) -> None:
    opened.start(TaskSpec((LILY, ROSE), None, "Other"))
    assert not opened.snapshots()
    opened.replace_text("rose", "Edited.")
    opened.start(TaskSpec((ROSE, LILY), None, "Third"))
    assert list(opened.snapshots()) == ["Left: Other"] and opened.snapshots()["Left: Other"].texts[1] == "Edited."


def test_the_address_names_the_task_and_the_picture_again_after_a_page_emptied_it(opened: Any) -> None:
    opened.current()
    assert st.query_params.get_all("class") == ["rose", "lily"] and st.query_params["of"] == "fieldbook-flowers"
    assert opened.chosen_image() is None
    opened.choose_image("rose/003")
    assert st.query_params["image"] == "rose/003"
    st.query_params.clear()
    opened.current()
    assert opened.chosen_image() == "rose/003"
    assert st.query_params["image"] == "rose/003" and st.query_params["of"] == "fieldbook-flowers"
    st.query_params["image"] = "rose/001"  # the browser went back
    assert opened.chosen_image() == "rose/001"
    opened.start(TaskSpec((ROSE, LILY), None, "Sample"), {"task": ("Sample",)})
    opened.current()
    assert st.query_params["task"] == "Sample" and "of" not in st.query_params and "class" not in st.query_params


def test_without_a_task_nothing_can_be_edited_and_nothing_breaks(state: Any) -> None:
    assert state.current() is state.previous() is state.first() is None
    state.undo(), state.redo()
    assert not state.replace_text("a", "b") and "open one first" in state.take_error()
    assert not state.take_snapshot() and not state.can_redo() and not state.comparable()


@pytest.mark.parametrize(
    "pasted",
    [
        "rose: Red.\nlily: White, and: pure.",
        '{"rose": "Red.", "lily": "White, and: pure."}',
        '[{"name": "rose", "description": "Red."}, {"name": "lily", "description": "White, and: pure."}]',
        'name,description\nrose,Red.\nlily,"White, and: pure."',
        'rose,Red.\nlily,"White, and: pure."',
        "rose\tRed.\nlily\tWhite, and: pure.",
        "rose: |\n  Red.\nlily: 'White, and: pure.'",
        "- name: rose\n  description: Red.\n- name: lily\n  description: 'White, and: pure.'",
        "\ufeffrose:   Red.\r\n\r\nlily: White,\r\n  and: pure.\r\n",
        "- rose: Red.\n- lily: White, and: pure.",
        "* rose: Red.\n* lily: White,\n  and: pure.",
        "1. rose: Red.\n2. lily: White, and: pure.",
        "**rose**: Red.\n**lily**: White, and: pure.",
        "- **rose:** Red.\n- **lily:** White, and: pure.",
        "rose;Red.\nlily;White, and: pure.",
        '"rose","Red."\n"lily","White, and: pure."',
    ],
)
def test_every_syntax_gives_the_same_classes(pasted: str) -> None:
    assert parse_pasted(pasted) == (ClassDescription("rose", "Red."), ClassDescription("lily", "White, and: pure."))


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        " \n\t",
        "just words",
        "rose: Red.\nRose: Twice.",
        "{",
        '{"rose": 3}',
        "rose:\n  - a\n  - b",
        "\t\t",
        "\ud800: x",
    ],
)
def test_what_is_no_description_is_refused_in_one_line(pasted: str) -> None:
    with pytest.raises(InputError) as refusal:
        parse_pasted(pasted)
    assert "\n" not in str(refusal.value)


def _two_sessions() -> None:
    import streamlit as st

    from n3core.descriptions import ClassDescription, TaskSpec
    from pages.components import task_state

    if task_state.current() is None:
        task_state.start(TaskSpec((ClassDescription("a", "one"), ClassDescription("b", "two"))))
    st.text_input("text", key="text")
    st.button("apply", on_click=lambda: task_state.replace_text("a", st.session_state["text"]))
    st.caption(task_state.current().texts[0])


def test_twenty_sessions_keep_their_own_edits() -> None:
    sessions = [AppTest.from_function(_two_sessions, default_timeout=60).run() for _ in range(20)]
    for number, session in enumerate(sessions):
        session.text_input(key="text").set_value(f"edit {number}")
        session.button[0].click().run()
    for number, session in enumerate(sessions):
        assert session.run().caption[0].value == f"edit {number}"
