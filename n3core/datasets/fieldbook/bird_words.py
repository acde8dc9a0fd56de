"""The vocabulary of bird descriptions: how every trait may be put into words.

Owns synonyms only; knows no grammar.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "ADJECTIVES",
    "COLOUR_WORDS",
    "COUNTERPARTS",
    "MERGED",
    "NON_VISUAL",
    "NOUN_PHRASES",
    "PART_NOUNS",
    "SENTENCES",
    "SIMILES",
]

Words = tuple[str, ...]

COLOUR_WORDS: Mapping[str, Words] = {
    "black": ("black", "black", "jet-black", "coal-black", "glossy black", "sooty black", "inky black", "blackish"),
    "white": ("white", "white", "snow-white", "pure white", "clean white", "ivory-white", "milky white", "whitish"),
    "grey": ("grey", "grey", "slate-grey", "ash-grey", "lead-grey", "gray", "smoky grey", "bluish-grey", "ashy grey"),
    "brown": (
        "brown",
        "brown",
        "chestnut-brown",
        "chocolate-brown",
        "earth-brown",
        "dark brown",
        "umber",
        "coffee-brown",
        "chestnut",
    ),
    "red": ("red", "red", "scarlet", "crimson", "blood-red", "bright red", "vermilion", "cherry-red", "ruby-red"),
    "orange": (
        "orange",
        "orange",
        "rusty orange",
        "rufous-orange",
        "tawny-orange",
        "flame-orange",
        "bright orange",
        "orange-rufous",
        "tangerine",
    ),
    "yellow": (
        "yellow",
        "yellow",
        "lemon-yellow",
        "golden-yellow",
        "bright yellow",
        "sulphur-yellow",
        "golden",
        "canary-yellow",
    ),
    "green": (
        "green",
        "green",
        "olive-green",
        "moss-green",
        "leaf-green",
        "grass-green",
        "greenish-brown",
        "emerald",
        "dull green",
        "olive",
    ),
    "blue": (
        "blue",
        "blue",
        "cobalt-blue",
        "azure",
        "ultramarine",
        "deep blue",
        "royal blue",
        "sapphire-blue",
        "bright blue",
    ),
}

SIMILES: Mapping[str, Words] = {
    "black": ("black as soot", "as black as coal"),
    "white": ("white as fresh snow", "as white as chalk"),
    "grey": ("grey as wet slate", "the grey of wood ash"),
    "brown": ("brown as dead leaves", "the brown of bare earth"),
    "red": ("red as a ripe berry", "as red as a poppy"),
    "orange": ("orange as embers", "the orange of rusty iron"),
    "yellow": ("yellow as a lemon", "as yellow as a buttercup"),
    "green": ("green as moss", "the green of young leaves"),
    "blue": ("blue as a summer sky", "as blue as a cornflower"),
}

# Part nouns of each colour attribute; a trailing "+" marks a plural.
PART_NOUNS: Mapping[str, Words] = {
    "bill_colour": ("bill", "beak", "bill"),
    "crown_colour": ("crown", "cap", "crown", "top of the head", "forehead and crown+"),
    "face_colour": ("face", "cheeks+", "sides of the head+", "ear coverts+", "cheek"),
    "back_colour": ("back", "mantle", "back", "back and nape+", "nape and mantle+", "upper back"),
    "breast_colour": ("breast", "chest", "breast", "throat and breast+", "bib and breast+"),
    "belly_colour": ("belly", "abdomen", "belly", "flanks and belly+", "vent and belly+", "lower underparts+"),
    "wing_colour": ("wings+", "wing", "wings+", "wing feathers+", "closed wing"),
    "tail_colour": ("tail", "tail", "tail feathers+"),
    "leg_colour": ("legs+", "feet+", "legs and feet+", "shanks+", "legs+"),
}

# Colour attributes that share one word when they share one value.
MERGED: tuple[tuple[tuple[str, ...], Words], ...] = (
    (
        ("back_colour", "wing_colour", "tail_colour"),
        ("upperparts, wings and tail+", "whole upper side including the tail"),
    ),
    (("crown_colour", "face_colour"), ("head", "whole head", "hood", "entire head")),
    (("breast_colour", "belly_colour"), ("underparts+", "whole underside", "underparts+", "breast and belly+")),
    (("back_colour", "wing_colour"), ("upperparts+", "back and wings+", "mantle and wings+", "upper side")),
    (("wing_colour", "tail_colour"), ("wings and tail+", "flight feathers and tail+")),
    (("bill_colour", "leg_colour"), ("bill and legs+", "bare parts+", "beak and feet+")),
)

COUNTERPARTS: Mapping[str, str] = {
    "crown_colour": "crown",
    "face_colour": "face",
    "back_colour": "back",
    "breast_colour": "breast",
    "belly_colour": "belly",
    "wing_colour": "wings",
    "tail_colour": "tail",
    "bill_colour": "bill",
    "leg_colour": "legs",
}

# Phrases that follow "it has" or "with".
NOUN_PHRASES: Mapping[str, Mapping[str, Words]] = {
    "posture": {
        "perching": ("the rounded outline of a songbird", "a sparrow-like build", "short legs made for gripping twigs"),
        "upright": ("an upright carriage", "an erect, vertical stance", "a bolt-upright way of sitting"),
        "wading": ("very long legs and a long neck", "stilt-like legs", "the long legs and slender neck of a wader"),
        "waddling": ("short legs with webbed feet", "a low, duck-like body", "a long-bodied, duck-like shape"),
        "clinging": ("a woodpecker's way of clinging to bark", "feet that grip vertical trunks"),
        "ground": ("a round, heavy body", "a plump, partridge-like figure", "a stout, rotund body"),
    },
    "bill_shape": {
        "conical": (
            "a short, thick, conical bill",
            "a stout seed-cracking beak",
            "a finch-like bill",
            "a cone-shaped beak",
        ),
        "slender": (
            "a thin, pointed bill",
            "a fine, needle-like beak",
            "a slim warbler-like bill",
            "a short slender bill",
        ),
        "hooked": ("a hooked bill", "a strong beak with a hooked tip", "a beak curved down at the tip like a hawk's"),
        "dagger": (
            "a long, straight, dagger-like bill",
            "a spear-shaped beak",
            "a long straight bill",
            "a heavy pointed bill as long as a dagger",
        ),
        "decurved": (
            "a long bill that curves downward",
            "a decurved bill",
            "a sickle-shaped beak",
            "a long down-curved beak",
        ),
        "flat": (
            "a broad, flat bill",
            "a flattened, duck-like bill",
            "a spatula-like beak",
            "a wide flat beak with a rounded tip",
        ),
    },
    "crest": {
        "none": ("no crest", "a smoothly rounded head without a crest"),
        "tuft": ("a short erect crest", "a spiky tuft on the head", "a pointed upstanding crest", "a ragged topknot"),
        "plume": (
            "long plumes trailing from the nape",
            "a long crest swept back",
            "drooping head plumes",
            "a long backward-pointing crest",
        ),
    },
    "face_pattern": {
        "plain": ("a plain, unmarked face", "no stripe on the face"),
        "eyestripe": (
            "a stripe through the eye",
            "a bold line running through the eye",
            "an eye-stripe from bill to ear",
        ),
        "eyebrow": (
            "a conspicuous eyebrow stripe",
            "a long supercilium",
            "a bold brow line above the eye",
            "a stripe over the eye",
        ),
    },
    "eye_ring": {
        "none": ("no eye-ring", "dark eyes without any ring"),
        "white": ("a white eye-ring", "white spectacles", "a bold white ring around the eye"),
        "yellow": ("a yellow eye-ring", "a golden ring around the eye", "bright yellow skin round the eye"),
        "red": ("a red eye-ring", "a scarlet ring around the eye", "bare red skin encircling the eye"),
    },
    "markings": {
        "plain": ("unmarked underparts", "no spots or streaks below", "a plain, unpatterned underside"),
        "streaked": (
            "streaks along the breast and belly",
            "streaked underparts",
            "fine lengthwise streaking below",
            "a streaky underside",
        ),
        "spotted": (
            "spots scattered over the breast and belly",
            "spotted underparts",
            "round speckles below",
            "a thrush-like spotted underside",
        ),
        "barred": (
            "bars across the breast and belly",
            "barred underparts",
            "cross-bars below",
            "a zebra-like banded underside",
        ),
    },
    "wing_bars": {
        "none": ("no wing-bars", "plain wings without bars", "unbarred wings"),
        "one": ("a single wing-bar", "one bold bar across the wing", "one broad wing-bar"),
        "two": ("two wing-bars", "a pair of bars across the wing", "double wing-bars", "two parallel wing-bars"),
    },
    "tail_shape": {
        "short": ("a short tail", "a stubby tail", "a short square tail"),
        "long": ("a long narrow tail", "a very long tail", "a long, tapering tail"),
        "forked": (
            "a deeply forked tail",
            "a swallow-like fork in the tail",
            "a forked tail",
            "a tail split into two points",
        ),
        "fan": ("a fan-shaped tail", "a broad rounded tail", "a tail spread like a fan", "a wide, fanned tail"),
    },
}

# Shape words that stand before a colour and a noun: (shape attribute, colour attribute) -> value -> (words, nouns).
ADJECTIVES: Mapping[tuple[str, str], tuple[Words, Mapping[str, Words]]] = {
    ("bill_shape", "bill_colour"): (
        ("bill", "beak", "bill"),
        {
            "conical": ("short conical", "stout, cone-shaped", "thick finch-like", "heavy, seed-cracking"),
            "slender": ("thin", "fine, pointed", "needle-like", "slim warbler-like"),
            "hooked": ("hooked", "strong hook-tipped", "curved, hawk-like", "parrot-like"),
            "dagger": ("long straight", "dagger-like", "spear-shaped", "heron-like, pointed"),
            "decurved": ("long down-curved", "decurved", "sickle-shaped", "downward-bending"),
            "flat": ("broad, flat", "flattened", "duck-like", "wide, spatulate"),
        },
    ),
    ("tail_shape", "tail_colour"): (
        ("tail", "tail"),
        {
            "short": ("short", "stubby", "stumpy"),
            "long": ("long", "long tapering", "very long, narrow"),
            "forked": ("forked", "deeply forked", "swallow-like"),
            "fan": ("fan-shaped", "broad, rounded", "fanned", "wide"),
        },
    ),
    ("crest", "crown_colour"): (
        ("crest", "crest"),
        {
            "tuft": ("spiky", "short erect", "pointed, upstanding", "bushy"),
            "plume": ("long swept-back", "trailing", "long, drooping", "plumed"),
        },
    ),
    ("posture", "leg_colour"): (
        ("legs+",),
        {
            "wading": ("very long", "stilt-like", "long thin"),
            "waddling": ("short, web-footed", "stubby webbed"),
        },
    ),
}

# Whole predicates that follow "it" or "this species".
SENTENCES: Mapping[str, Mapping[str, Words]] = {
    "posture": {
        "perching": (
            "perches on twigs with its body held at a slant",
            "sits crosswise on a branch",
            "perches like a sparrow",
        ),
        "upright": ("sits bolt upright", "perches with the body held vertically", "stands erect on its branch"),
        "wading": (
            "stands on long stilt-like legs",
            "wades on very long legs",
            "carries a long neck above long thin legs",
        ),
        "waddling": ("waddles on short legs", "walks with a duck-like waddle", "has the low shape of a duck or goose"),
        "clinging": (
            "clings upright to tree trunks",
            "climbs trunks like a woodpecker",
            "hangs on to the bark of trees",
        ),
        "ground": (
            "walks on the ground like a partridge",
            "is a plump ground-dweller",
            "is round-bodied and keeps to the ground",
        ),
    },
}

NON_VISUAL: Words = (
    "It breeds in open woodland and moves south in autumn",
    "The nest is a cup of grass and moss placed low in a shrub",
    "Two to five eggs are laid in late spring",
    "The song is a series of clear descending whistles",
    "It feeds on seeds, insects and small fruit",
    "The call is a harsh, repeated chatter",
    "Found from sea level to about 2,500 metres",
    "It is a common resident in the lowlands",
    "Pairs stay together for several years",
    "The diet consists mainly of beetles, spiders and caterpillars",
    "Its range has expanded northward in recent decades",
    "The species was first described in the eighteenth century",
    "It is often seen in mixed flocks outside the breeding season",
    "Both parents feed the young for three weeks",
    "Numbers have declined where old forest has been cleared",
    "It favours river valleys, hedges and the edges of farmland",
    "The male sings from an exposed perch at dawn",
    "In winter it gathers in large roosts",
    "It nests in holes and readily accepts boxes",
    "Small fish and frogs make up most of its food",
    "The population is considered stable",
    "Usually seen singly or in pairs, it is rather shy",
    "It is about the size of a thrush",
    "Its flight is fast and direct",
    "The female alone incubates, for about two weeks",
    "It is a rare visitor to the northern islands",
    "Several subspecies are recognised across its range",
    "It can be heard at night near marshes and lakes",
    "Length 18 to 21 cm, weight around 60 g",
    "Local people consider it a herald of rain",
)
