"""Faults of texts: the bad windflower entry stands out, good ones are left in peace, contradictions are real."""

from __future__ import annotations

import numpy as np
import pytest

from n3core.datasets.fieldbook.book import describe, named_species, random_varieties
from n3core.explain.contradictions import find_contradictions
from n3core.explain.text_faults import count_words, find_text_faults, find_vague, reads_english
from n3core.explain.visual_words import mark_words
from n3core.results.diagnosis import Reason

GOOD = (
    "Six narrow, pointed petals of pale yellow surround a green eye; the leaves are heart-shaped and dark.",
    "A tall spike of deep blue, bell-shaped flowers with white stamens, above lance-shaped silvery leaves.",
    "Many strap-like white rays around a flat orange disc; the stems are red and hairy, the leaves feathery.",
)


def kinds(text: str) -> dict[str, str]:
    return {word.word: word.kind for word in mark_words(text)}


def faults(text: str, others: tuple[str, ...] = GOOD, **settings: object) -> dict[str, Reason]:
    names = ("class a", "class b", "class c", "class d")
    return {reason.kind: reason for reason in find_text_faults(names, (text, *others), **settings)[0]}


def test_small_and_broad_show_something_beside_a_part_only() -> None:
    assert kinds("a small perennial of broad colonies")["broad"] == "other"
    assert kinds("five broad petals")["broad"] == "visual"
    assert kinds("five broad petals")["five"] == "visual"
    assert kinds("the tail is short")["short"] == "visual"
    assert kinds("five species are known")["five"] == "other"


def test_what_describes_a_part_stands_before_it_in_one_sentence_or_right_behind_it() -> None:
    assert kinds("it is small. The petals")["small"] == "other"
    assert kinds("a broad colony of petals")["broad"] == "other"
    assert kinds("leaves narrow")["narrow"] == kinds("a deep red")["deep"] == "visual"
    assert kinds("petals in red")["in"] == "other"


def test_a_size_in_inches_is_unseen_whatever_it_measures() -> None:
    found = kinds("each bloom measures 1.5 to 2.5 inches across, on petals two inches wide")
    assert {found[word] for word in ("1.5", "2.5", "inches", "two")} == {"unseen"}
    found = kinds("petals of three by four or five or six cm")
    assert {word: found[word] for word in ("five", "six", "cm")} == dict.fromkeys(("five", "six", "cm"), "unseen")
    assert kinds("petals two by three inches")["two"] == "unseen"


def test_marked_words_are_those_of_the_text() -> None:
    text = "It's a lance-shaped, “golden” leaf \u2013 3.5 cm; ünder 2 petals"
    assert [text[word.start : word.end].casefold() for word in mark_words(text)] == [w.word for w in mark_words(text)]


def test_the_bad_windflower_entry_has_no_visual_word_and_its_repaired_one_many() -> None:
    bad = next(named for named in named_species("flowers") if named.species.name == "windflower")
    assert count_words(bad.entry.text)[1] == 0
    found = faults(bad.entry.text)
    assert found["few visual words"].severity == 1
    assert "varies widely" in found["vague"].sentence
    assert bad.repaired_entry is not None
    assert not faults(bad.repaired_entry.text)


@pytest.mark.parametrize("kingdom", ["flowers", "birds"])
def test_the_other_entries_of_the_fieldbook_are_left_in_peace(kingdom: str) -> None:
    named = [species for species in named_species(kingdom) if species.species.name != "windflower"]
    names = [species.species.name for species in named]
    found = find_text_faults(names, [species.entry.text for species in named])
    blamed = {name: reasons for name, reasons in zip(names, found, strict=True) if reasons}
    assert len(blamed) <= 0.05 * len(names), blamed
    assert not any(reason.kind == "contradiction" for reasons in found for reason in reasons)


@pytest.mark.parametrize(("kingdom", "least"), [("flowers", 0.04), ("birds", 0.2)])
def test_contradictions_are_seldom_imagined_and_sometimes_found(kingdom: str, least: float) -> None:
    rng = np.random.default_rng(7)
    texts = [describe(species, rng).text for species in random_varieties(kingdom, 300, 11)]
    imagined = np.mean([bool(find_contradictions(text)) for text in texts])
    glued = np.mean(
        [bool(find_contradictions(f"{one} {two}")) for one, two in zip(texts[::2], texts[1::2], strict=True)]
    )
    assert imagined <= 0.01
    assert glued >= least


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("It has five broad petals. Each of its eight rounded petals is spotted.", "number of petals"),
        ("The tail is black. A white tail and red legs complete it.", "colour of the tail"),
        ("Scarlet petals stand above dark leaves. The petals are blue.", "colour of the petals"),
        ("The tail is red. " * 5000 + "The tail is blue.", "colour of the tail"),
    ],
)
def test_what_cannot_both_hold_is_a_contradiction(text: str, part: str) -> None:
    (found,) = find_contradictions(text)
    assert found.part == part
    assert all(text[start:end] == said for (start, end), said in zip(found.spans, found.said, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "It has four or five petals. Some flowers have five petals.",
        "White petals tipped with pink. The pink petals fade.",
        "The male's tail is black. The female's tail is white.",
        "Scarlet petals. The crimson petals are pointed.",
        "The tail is grey. The tail is black.",
        "It has four or five petals. Six petals are seen at times.",
        "Two petals point up. Five petals surround the eye.",
        "White inner petals. Red outer petals.",
        "White-edged petals. The petals are red.",
        "Three outer petals and six inner petals.",
        "The petals are white at the base. The petals are red.",
    ],
)
def test_choices_sexes_and_places_are_no_contradiction(text: str) -> None:
    assert not find_contradictions(text)


def test_a_copy_is_a_near_duplicate_and_the_differing_words_are_told() -> None:
    copy = GOOD[0].replace("yellow", "red")
    found = faults(copy)["near-duplicate"]
    assert found.other == "class b"
    assert "“red” here" in found.sentence and "“yellow” there" in found.sentence
    assert "near-duplicate" not in faults(GOOD[0], (f"{GOOD[0]} {GOOD[1]}", *GOOD[1:])), "a part is no copy"
    assert "near-duplicate" not in faults("Two round black ears, a long tail and striped brown fur on the back.")


def test_similarity_of_states_decides_where_it_is_known() -> None:
    alike = np.eye(4)
    assert "near-duplicate" not in faults(GOOD[0], similarity=alike)
    alike[0, 2] = alike[2, 0] = 0.95
    assert faults(GOOD[1], similarity=alike)["near-duplicate"].other == "class c"


@pytest.mark.parametrize(
    ("visual", "usual", "blamed"),
    [(6, 50, False), (4, 50, True), (3, 16, True), (5, 16, False), (1, 0, True), (3, 0, False)],
)
def test_visual_words_are_asked_for_by_half_of_the_usual_share_within_bounds(
    visual: int, usual: int, blamed: bool
) -> None:
    text, other = (
        " ".join(["red"] * count + ["the"] * (total - count)) for count, total in ((visual, 50), (usual, 100))
    )
    assert ("few visual words" in faults(text, (other,) * 3)) == blamed


def test_short_and_truncated_texts() -> None:
    assert faults("A red bird.")["too short"].severity > 0.7
    assert "too short" not in faults(GOOD[0])
    found = faults(" ".join([GOOD[0]] * 30), dropped_words=(100, 0, 0, 0))["truncated"]
    assert "last 100 words" in found.sentence


@pytest.mark.parametrize(
    "text",
    [
        "Flower colour varies widely.",
        "It comes in many colours.",
        "Its coat is highly variable.",
        "A wide range of colours.",
        "The hue depends on the soil.",
    ],
)
def test_phrases_that_leave_the_looks_open(text: str) -> None:
    assert len(find_vague(text)) == 1


def test_names_of_two_words_are_found_in_other_texts_only() -> None:
    names = ("corn poppy", "red", "field rose")
    texts = (
        "The corn poppy has four broad red petals with a black blotch, and hairy stems.",
        "Petals as red as a rose, quite round, above dark lobed leaves on a thin stalk.",
        "Much like corn poppies, or a Corn Poppy in pink: five notched petals, yellow stamens.",
    )
    found = [{reason.kind: reason for reason in reasons} for reasons in find_text_faults(names, texts)]
    assert "names another class" not in found[0] and "names another class" not in found[1]
    reason = found[2]["names another class"]
    assert reason.other == "corn poppy" and texts[2][slice(*reason.spans[0])] == "Corn Poppy"


def test_another_language_is_not_judged_by_english_words() -> None:
    text = "Fünf breite, rundliche Blütenblätter, zartlila mit weissem Ring; Laub fein zerteilt, dunkelgrün und glatt."
    assert not reads_english(text) and reads_english(GOOD[0])
    assert "few visual words" not in faults(text)


def test_whatever_is_typed_is_survived() -> None:
    for text in ("!", "…", "😀 😀", "\u202e abc", "a" * 5000, "<script>", "7", "of the"):
        reasons = find_text_faults(("one", "two"), (text, text))
        assert all(0 < reason.severity <= 1 for found in reasons for reason in found)
