"""Which words of a description say what a picture can show: an English lexicon, and texts marked with it.

Owns the word lists and how a text is cut into words; knows no model. A colour, a pattern or a shape shows wherever it
stands; "small", "broad" or "five" show something only beside a part ("five broad petals", not "broad colonies").
Numbers with a unit of length count as unseen: a picture has no scale.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

__all__ = [
    "COLOUR_FAMILIES",
    "COUNTS",
    "PARTS",
    "MarkedWord",
    "WordKind",
    "base_forms",
    "mark_words",
    "needs_part",
    "split_words",
]

WordKind = Literal["visual", "part", "unseen", "other"]


def split_words(text: str) -> frozenset[str]:
    """The words of a table, as a set."""
    return frozenset(text.split())


COLOUR_FAMILIES: Mapping[str, frozenset[str]] = {
    "white": split_words("white snowy ivory cream pearl chalky milky whitish porcelain"),
    "yellow": split_words("yellow golden gold lemon canary sulphur primrose buttery saffron yellowish straw"),
    "orange": split_words("orange tangerine apricot amber pumpkin coppery rusty rufous tawny orangish"),
    "red": split_words("red scarlet crimson vermilion ruby carmine reddish vermillion"),
    "pink": split_words("pink rosy salmon pinkish blush"),
    "magenta": split_words("magenta fuchsia cerise raspberry cyclamen"),
    "purple": split_words("purple violet mauve lilac lavender amethyst plum purplish indigo"),
    "blue": split_words("blue azure cobalt sapphire ultramarine cerulean bluish turquoise navy cyan teal"),
    "maroon": split_words("maroon burgundy claret oxblood mahogany"),
    "brown": split_words(
        "brown chestnut chocolate umber tan beige bronze brownish buff hazel sepia khaki copper bronzed sandy"
    ),
    "green": split_words("green lime emerald olive chartreuse greenish glaucous"),
    "grey": split_words("grey gray slate silver silvery greyish grayish ashy ash leaden"),
    "black": split_words("black jet ebony sooty blackish inky"),
}
_LOOKS = split_words(
    # patterns
    "striped stripe streaked streak spotted spot speckled speckle freckled freckle dotted dot flecked fleck mottled "
    "barred banded band ringed ring edged rimmed margined bordered border outlined blotched blotch patch patched "
    "tipped veined vein vein veining pencilled lined checkered chequered marbled stippled peppered plain unmarked "
    "unspotted patterned marking variegated zoned halo picotee feathered dappled brindled pied tabby uniform "
    "uniformly self-coloured two-tone multicoloured multicolored colourful colorful iridescent translucent "
    "transparent stained "
    # shapes
    "round rounded roundish circular oval ovate elliptic elliptical oblong square rectangular triangular conical "
    "cylindrical spherical globular domed dome flattened pointed tapering tapered acute curved downcurved decurved "
    "hooked straight notched cleft forked lobed fringed frilled ragged toothed serrated jagged spatulate lanceolate "
    "cordate palmate pinnate linear trumpet bell funnel tubular tube cup disc disk star cross spire spike crescent "
    "ribbon strap dagger sickle wedge webbed stilt bulbous swollen slender wiry stubby stumpy chunky spindly ruffled "
    "wavy crinkled overlapping crested crest tuft tufted plume ringlet shaggy bristly bristling prickly thorny spiny "
    "drooping pendulous nodding arching upright erect branching dissected divided lacy ferny feathery rosette corona "
    # surfaces
    "glossy shiny shimmering glistening velvety hairy furry fluffy woolly downy smooth scaly wrinkled waxy metallic "
    "fleshy woody silky leathery papery matt matte felted bare polished knitted woven quilted pleated "
    # materials and geometry
    "metal metallic steel iron brass glass wooden plastic leather rubber brick stone concrete tiled thatched paper "
    "cardboard cotton silk denim lace rope chrome enamel painted gilded carved stacked boxy curly coiled spiral "
    "helical horizontal vertical diagonal parallel flat-topped hollow perforated slatted grid"
)
_SUFFIXES = split_words(
    "shaped like coloured colored edged tipped petalled petaled rayed lobed parted pointed toned hued eyed throated "
    "barred banded striped spotted based hearted headed billed necked legged tailed crested sided"
)
_BESIDE_PARTS = split_words(
    "small large big tiny huge little minute long short broad wide narrow thick thin tall flat massive stout sturdy "
    "robust slim fine delicate deep pale dark light bright vivid dull soft intense rich warm dense compact loose open "
    "double single solitary grassy stiff outer inner upper lower pure clear glowing heavy"
)
COUNTS: Mapping[str, int] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "many": 99, "numerous": 99, "countless": 99,
}  # fmt: skip
PARTS: Mapping[str, frozenset[str]] = {
    "petals": split_words("petal tepal segment ray floret"),
    "flower": split_words("flower bloom blossom head corolla"),
    "centre": split_words("centre center middle eye stamen anther filament pistil style lip pouch column boss button"),
    "stem": split_words("stem stalk branch twig trunk bark"),
    "leaves": split_words("leaf leaves foliage leaflet needle frond blade"),
    "bill": split_words("bill beak"),
    "crown": split_words("crown cap forehead"),
    "face": split_words("face cheek"),
    "back": split_words("back mantle upperparts"),
    "breast": split_words("breast chest"),
    "belly": split_words("belly abdomen underparts flank"),
    "wings": split_words("wing"),
    "tail": split_words("tail"),
    "legs": split_words("leg shank"),
    "feet": split_words("foot feet toe claw paw hoof"),
    "head": split_words("neck nape throat collar hood ear horn antler mane whisker nose snout muzzle tongue"),
    "body": split_words("body build skin fur coat plumage feather shell fin scale hide underside wool"),
    "fruit": split_words("fruit berry seed pod cone peel rind flesh kernel bulb"),
    "thing": split_words(
        "wheel window roof door handle lid label cap body screen frame wall tower arch strap sole lens"
    ),
}
_UNSEEN = split_words(
    # where
    "wood woodland meadow slope dune pasture verge bog fen grassland forest cliff stream river lake marsh hedgerow "
    "heath field scree prairie mountain coast garden park swamp tundra desert habitat native naturalised naturalized "
    "home region country europe asia africa america australia mediterranean north south east west northern southern "
    "eastern western central tropical place ground colony colonies altitude sea shore island world wild range "
    # when
    "spring summer autumn winter fall season january february april june july august september october november "
    "december month week year day night morning dusk early late annual biennial perennial frost century "
    # growing and keeping
    "soil loam clay compost sun shade watering planted plant sow sown soaked propagation propagate cutting division "
    "seedling tuber tuberous rhizome rootstock root cultivated cultivation cultivar strain gardener hardy tender "
    "drought drained dormant fertile bed border grow spread feeding prune cut lasting bred grown "
    # what it does, how it sounds, smells and is called
    "song call voice sing whistle scream nest breed migrate migration migratory fly feed hunt eat diet prey insect "
    "egg flock pair scent scented fragrant fragrance smell taste edible poisonous toxic medicine medicinal herb tea "
    "name named discovered explorer botanist folklore legend emblem symbol popular beloved famous genus species "
    "family pollinated pollinator bee butterfly hummingbird pest slug snail rare common protected threatened "
    # how big
    "inch inches cm mm centimetre centimeter millimetre metre meter feet ft height weight tall measure measures "
    "across"
)
_UNITS = split_words(
    "inch inches in cm mm centimetre centimetres centimeter centimeters metre metres meter meters m ft feet foot"
)
_TOKEN = re.compile(r"[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*|\d+(?:[.,]\d+)?")
_COLOURS = frozenset().union(*COLOUR_FAMILIES.values())
_PARTS = frozenset().union(*PARTS.values())
_STOP = re.compile(r"[.;:!?]")
_REACH = 4  # words from "small" to the part that it describes


@dataclass(frozen=True)
class MarkedWord:
    """A word of a text, [start, end) in characters, and what it says: "visual", "part", "unseen" or "other"."""

    start: int
    end: int
    word: str
    kind: WordKind


def base_forms(word: str) -> Iterator[str]:
    """A word as it may stand in a lexicon: itself, then without its endings."""
    yield word
    for ending in ("'s", "s", "es", "ed", "d", "ing", "y", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word[: -len(ending)]
            yield stem
            if ending in ("ed", "ing", "y") and stem[-1] == stem[-2]:
                yield stem[:-1]
    if word.endswith("ies"):
        yield word[:-3] + "y"


@lru_cache(maxsize=2048)
def mark_words(text: str) -> tuple[MarkedWord, ...]:
    """Mark every word of a text.

    Args:
        text: a description, in English.

    Returns:
        Its words in order. Punctuation is left out; "lance-shaped" is one word.
    """
    found = list(_TOKEN.finditer(text))
    words = [match[0].casefold().replace("\u2019", "'") for match in found]
    kinds = [_kind_alone(word) for word in words]
    for index, word in enumerate(words):
        if _is_size(words, index):
            kinds[index] = "unseen"
        elif kinds[index] in ("other", "unseen") and needs_part(word):
            ahead = []
            for place in range(index + 1, min(index + 1 + _REACH, len(words))):
                if _STOP.search(text[found[place - 1].end() : found[place].start()]):
                    break
                ahead.append(kinds[place])
            if _shows(words[:index], kinds[:index], ahead):
                kinds[index] = "visual"
    return tuple(MarkedWord(*match.span(), word, kind) for match, word, kind in zip(found, words, kinds, strict=True))


def _shows(words: list[str], kinds: list[WordKind], ahead: list[WordKind]) -> bool:
    """Whether "small" or "five" describes a part: by the words before it and the kinds of those that follow."""
    until = ahead.index("unseen") if "unseen" in ahead else len(ahead)
    if "part" in ahead[:until] or ahead[:1] == ["visual"]:
        return True
    if kinds[-1:] == ["part"]:
        return True  # "leaves narrow"
    return words[-1:] in (["is"], ["are"]) and kinds[-2:-1] == ["part"]  # "the tail is short"


def _kind_alone(word: str) -> WordKind:
    if word in _UNITS and word != "in" and word != "feet" and word != "foot":
        return "unseen"
    if _in(word, _COLOURS) or _in(word, _LOOKS):
        return "visual"
    if _in(word, _PARTS):
        return "part"
    if _in(word, _UNSEEN):
        return "unseen"
    pieces = word.split("-")
    if len(pieces) > 1 and (pieces[-1] in _SUFFIXES or any(_in(piece, _COLOURS | _LOOKS) for piece in pieces)):
        return "visual"
    return "other"


def _in(word: str, lexicon: frozenset[str]) -> bool:
    return any(form in lexicon for form in base_forms(word))


def needs_part(word: str) -> bool:
    """Whether a word shows something only beside a part or a colour: "small", "broad", "five"."""
    return word in _BESIDE_PARTS or word in COUNTS or word.isdigit() or word.split("-")[0] in _BESIDE_PARTS


def _is_size(words: list[str], index: int) -> bool:
    """Whether the word is a number before a unit of length, or such a unit after a number: "1.5 to 2.5 inches"."""

    def number(word: str) -> bool:
        return word[0].isdigit() or (word in COUNTS and COUNTS[word] < 99)

    if words[index] in _UNITS:
        return index > 0 and number(words[index - 1])
    if not number(words[index]):
        return False
    rest = words[index + 1 : index + 4]
    if rest[:1] and rest[0] in _UNITS:
        return True
    return len(rest) == 3 and rest[0] in ("to", "or", "by") and number(rest[1]) and rest[2] in _UNITS
