"""The botanist's vocabulary: synonyms for every value of every flower attribute, and talk about nothing visible.

Owns words; the grammar is in `flower_prose`. In phrases about patterns and centres `@` stands for the second colour.
"""

from __future__ import annotations

__all__ = [
    "CENTRES",
    "COLOURS",
    "COMPOUNDS",
    "COUNTS",
    "COUNT_ADJECTIVES",
    "FILLERS",
    "INFLORESCENCES",
    "LEAF_COLOURS",
    "LEAF_SHAPES",
    "LIKENESSES",
    "NON_VISUAL",
    "PATTERNS",
    "SHAPES",
    "STEMS",
]


def _split(text: str) -> tuple[str, ...]:
    return tuple(phrase.strip() for phrase in text.split("|"))


def _table(**rows: str) -> dict[str, tuple[str, ...]]:
    return {key: _split(row) for key, row in rows.items()}


COLOURS = _table(
    white="white|snow-white|ivory|milk-white|pure white|chalky white|creamy white|pearl-white|silvery white|porcelain-white"
    "|glistening white|snowy",
    yellow="yellow|golden|lemon-yellow|buttery yellow|canary-yellow|sulphur-yellow|primrose-yellow|bright yellow|gold|golden-yellow"
    "|sunny yellow|lemon",
    orange="orange|tangerine|apricot-orange|flame-orange|amber|burnt orange|pumpkin-orange|coppery orange|glowing orange|saffron-orange"
    "|orange-gold|marmalade-coloured",
    red="red|scarlet|crimson|vermilion|blood-red|ruby-red|cherry-red|fiery red|bright red|brick-red|cardinal-red|pillar-box red",
    pink="pink|pale pink|rose-pink|blush-pink|shell-pink|rosy|salmon-pink|soft pink|candy-pink|light pink|flesh-pink|pastel pink",
    magenta="magenta|fuchsia|hot pink|cerise|deep pink|raspberry-pink|carmine-pink|shocking pink|vivid rose-purple|purplish pink"
    "|strong pink|cyclamen-pink",
    purple="purple|violet|mauve|plum-purple|lilac|lavender|amethyst|royal purple|deep violet|plum|violet-purple|grape-purple",
    blue="blue|azure|sky-blue|cobalt-blue|sapphire|gentian-blue|cornflower-blue|ultramarine|clear blue|deep blue|cerulean|china-blue",
    maroon="maroon|burgundy|wine-red|dark wine|oxblood|claret|mahogany|dark blood-brown|claret-brown|blackish red|deep maroon"
    "|beetroot-dark",
    green="green|lime-green|apple-green|greenish|chartreuse|fresh green|pea-green|yellowish green|bright green|grass-green",
    black="black|blackish|jet-black|ebony|nearly black|sooty|ink-black|coal-black|black-brown|very dark|almost black",
)

LIKENESSES = _table(
    white="as white as fresh snow|as pale as milk|like bleached linen|the white of eggshell",
    yellow="as yellow as butter|the yellow of egg yolk|as bright as a lemon|like beaten gold",
    orange="as orange as a ripe tangerine|like glowing embers|like a tiger's coat|the orange of carrots",
    red="as red as sealing wax|the red of fresh blood|like a fire engine|as red as a ripe cherry",
    pink="as pale as the inside of a shell|the pink of candy floss|like a baby's cheek|as soft a pink as a flamingo",
    magenta="the pink of crushed raspberries|as loud as a neon sign in pink|like beetroot juice in water|as vivid as fuchsia dye",
    purple="as purple as grape juice|the violet of a bishop's robe|like lavender fields|as purple as a ripe plum",
    blue="as blue as a summer sky|the blue of deep water|like cobalt glass|as blue as a sapphire",
    maroon="as dark as old port|the colour of red wine|like dried blood|as dark red as mahogany",
    green="as green as a lime|like young peas",
    black="as black as coal|as dark as ink",
)

COUNTS = _table(
    three="three|3|a trio of|only three|just three|three|a set of three",
    four="four|4|two pairs of|four|just four|a cross of four|a set of four",
    five="five|5|a ring of five|five|a star of five|exactly five|a set of five",
    six="six|6|half a dozen|six|a whorl of six|two sets of three|a set of six",
    eight="eight|8|eight|a ring of eight|about eight|a wheel of eight|four pairs of",
    many="many|numerous|a dozen or more|countless|a multitude of|very many|a dense ring of many|more than a dozen|crowded|a great number of",
)
COUNT_ADJECTIVES = _table(
    three="three-petalled|three-parted|trimerous|3-petalled|three-lobed",
    four="four-petalled|cross-shaped|four-parted|cruciform|4-petalled",
    five="five-petalled|five-parted|5-petalled|five-rayed|five-lobed",
    six="six-petalled|six-parted|6-petalled|six-rayed|six-pointed",
    eight="eight-petalled|eight-rayed|8-petalled|eight-parted",
    many="many-petalled|many-rayed|daisy-like|multi-petalled|densely petalled",
)

SHAPES = _table(
    round="rounded|broad|round|almost circular|wide, overlapping|broadly rounded|roundish|blunt, broad|full and rounded|disc-like",
    pointed="pointed|tapering|sharp-tipped|sharply pointed|acute|spear-shaped|tapered|star-like|dagger-shaped|drawn-out and pointed",
    narrow="narrow|strap-shaped|ribbon-like|slender|thin|linear|finger-like|strap-like|very narrow|thread-thin|slim",
    notched="notched|heart-shaped|cleft|two-lobed|indented|bilobed|deeply notched|heart-like|split-ended|tip-notched",
    fringed="fringed|ragged|frilled|tattered|toothed|saw-edged|lacerated|jagged|frayed|shaggy-edged|finely cut",
    spoon="spoon-shaped|spatulate|paddle-shaped|spoon-like|club-shaped|clawed and round-ended|paddle-like|spatula-shaped"
    "|long-clawed|narrow-based and round-tipped",
)

PATTERNS = _table(
    plain="*plain*|*unmarked*|*without any markings*|*of one even colour*|*uniformly coloured*|*self-coloured*|*free of spots or stripes*"
    "|*unpatterned*|*of a single tone throughout*|*quite clean of marks*",
    veined="*veined* with @|*striped* with @|*streaked* @|*lined* in @|*pencilled* with @ *lines*|marked with @ *veins*|*striped* @ lengthwise"
    "|with @ *stripes* running to the tip|*feathered* with @ *streaks*|bearing @ *veining*",
    spotted="*spotted* with @|*speckled* @|*freckled* with @|*dotted* with @|*flecked* @|sprinkled with @ *dots*|covered in @ *spots*"
    "|*peppered* with @ *specks*|*stippled* in @|bearing @ *freckles*",
    edged="*edged* with @|*rimmed* in @|*margined* with @|*bordered* in @|*outlined* in @|with a @ *border*|finished with a @ *margin*"
    "|with @ *edges*|*edged* @ all round|*picoteed* with @",
    blotched="*blotched* with @ *at the base*|with a @ *blotch at the base*|*stained* @ *toward the centre*|@ in the *lower half*"
    "|with a broad @ *basal patch*|*flushed* @ *at the throat*|turning @ *in their inner half*|*blotched* @ near the heart"
    "|with a @ *stain at the foot*|carrying a bold @ *patch at the base*",
    tipped="*tipped* with @|*dipped* in @ *at the ends*|ending in @ *tips*|with @ *tips*|*tipped* @|@ *at the tip*|@ *at their outer ends*"
    "|with @ *points*|whose *ends* turn @|with the *tips* brushed @",
    ringed="*ringed* with @|*banded* in @|crossed *halfway* by a @ *band*|with a @ *ring* around the flower|*zoned* with @|with a @ *halo midway*"
    "|each crossed by a @ *bar*|marked with a @ *zone across the middle*|*belted* with @|forming a @ *circle* midway along",
)

COMPOUNDS = _table(
    plain="plain|unmarked|self-coloured|uniform|clean",
    veined="striped|veined|streaked|lined|pencilled",
    spotted="spotted|speckled|freckled|dotted|flecked",
    edged="edged|rimmed|margined|bordered|picotee-edged",
    blotched="blotched|based|throated|hearted|footed",
    tipped="tipped|ended|dipped",
    ringed="ringed|banded|zoned|belted|haloed",
)

CENTRES = _table(
    disc="a broad @ *disc*|a flat @ *disc*|a @ *button*|a @ *cushion* of tiny florets|a domed @ *boss*|a large, dotted @ *disc*"
    "|a wide @ *disc of florets*|a seed-studded @ *disc*|a @ *daisy disc*|a large round @ *button*",
    stamens="a spray of @ *stamens*|a tuft of long @ *stamens*|a brush of @ *filaments*|@ *anthers* on long threads|a burst of @ *stamens*"
    "|numerous spreading @ *stamens*|a @ *tassel of stamens*|a starry ring of @ *anthers*|prominent @ *stamens*|a whiskery bunch of @ *stamens*",
    cup="a @ *cup*|a @ *corona*|a @ *trumpet*|a deep @ *cup*|a hollow @ *crown*|a wavy-edged @ *corona*|a @ *funnel*|a daffodil-like @ *cup*"
    "|an open @ *tube*|a ruffled @ *trumpet*",
    eye="a tiny @ *eye*|a small @ *eye*|a @ *pinprick*|a small @ *dot*|a neat little @ *eye*|a minute @ *point*|a small @ *spot*"
    "|a tiny @ *dot*|a bead-like @ *eye*",
    lip="a @ *lip*|a hanging @ *lip*|a @ *pouch*|a slipper-like @ *pouch*|a swollen @ *lower lip*|an orchid-like @ *lip*|a bulging @ *labellum*"
    "|a drooping @ *lip*|a tongue-like @ *lip*|a @ *labellum*",
    column="a long @ *column*|a protruding @ *pistil*|a @ *column* thrust forward|a long @ *style*|a projecting @ *staminal column*"
    "|a single long @ *pistil*|a @ *style* tipped with knobs|a hibiscus-like @ *column*|a far-reaching @ *pistil*",
)

INFLORESCENCES = _table(
    solitary="solitary|borne singly|carried one to a stem|held alone at the top of the stem|single and large|produced one at a time"
    "|one per stalk|standing alone|single, at the stem's end",
    spike="arranged in an upright spike|stacked one above another up the stem|in a tall raceme|carried in erect spikes|set in a spire"
    "|climbing the stem in a long spike|in vertical racemes|ranged up a tall spike|opening from the bottom of a spire upward",
    cluster="gathered in a dense cluster|in a rounded head|packed into a dome|in compact umbels|crowded together in a ball|in tight bunches"
    "|massed in a flat-topped truss|bunched in a posy|in a close-packed cluster|in crowded umbels",
    spray="in a loose spray|on branching stalks|in open, airy panicles|several to a forked stem|scattered over branching stems"
    "|in loosely branched sprays|each at the end of its own branch|carried on a candelabra of side branches|in wide, open sprays",
    arching="hung along an arching stem|dangling from a bowed stalk|in a drooping row beneath an arching branch|nodding along a curved stem"
    "|in arching racemes|suspended from a bent stem|in a pendulous chain|hanging from gracefully arched stalks|in a row along an arched spray",
)

LEAF_SHAPES = _table(
    lance="lance-shaped|lanceolate|spear-shaped|willow-like|long, tapering|narrowly oval|simple, pointed|elliptic",
    round="round|rounded|coin-shaped|circular|disc-shaped|nearly round|orbicular|shield-like, round",
    heart="heart-shaped|cordate|heart-like|broadly heart-shaped|valentine-shaped",
    grassy="grass-like|grassy|blade-like|sword-shaped|strap-like|linear|long, narrow, arching|iris-like",
    lobed="lobed|maple-like|ivy-like|deeply lobed|palmately lobed|oak-like|hand-shaped|palmate",
    feathery="feathery|fern-like|ferny|finely divided|pinnate|feather-shaped|comb-like|finely dissected|lacy",
)
LEAF_COLOURS = _table(
    green="green|mid-green|fresh green|bright green|grass-green|light green|plain green",
    dark="dark green|deep green|bottle-green|blackish green|very dark green|forest-green|dark",
    silver="silver|silvery|grey|grey-green|silver-grey|glaucous|blue-grey|felted grey|ash-grey",
    bronze="bronze|purplish brown|reddish-brown|bronzed|copper-tinted|chocolate-tinted|red-purple|bronze-purple|beetroot-coloured",
    variegated="variegated|cream-edged|cream-margined|bordered with cream|two-tone green and cream|white-margined|variegated cream and green",
)

STEMS = _table(
    slender="slender|thin|wiry|thread-like|delicate|fine|slim|thin green",
    stout="stout|thick|fleshy|robust|sturdy|succulent|thick green|strong and fat",
    red="red|reddish|crimson-flushed|ruddy|red-tinged|wine-red|red-coloured|beet-red",
    thorny="thorny|prickly|spiny|spine-bearing|bristling|thorn-studded|viciously prickled|well-armed, spiny",
    woody="woody|brown, woody|bark-covered|shrubby brown|hard, brown|twiggy brown|barky|woody brown",
)

NON_VISUAL = (
    "It grows in {place} {region}",
    "It is found in {place} from {land} to {land}",
    "Native to {land}, it has been grown in gardens since {age}",
    "The species is native to {land} and naturalised in {land}",
    "Its home is {place} of {land}",
    "It flowers from {months}",
    "Flowering begins in {month} and lasts for {number} weeks",
    "The bloom opens in {season} and is visited by {visitor}",
    "It thrives in {soil} and needs {care}",
    "In cultivation it asks for {soil}, {light}",
    "Propagation is by {means} in {season}",
    "Plants are {hardy} and dislike {dislike}",
    "It was named after {person} who collected it in {land}",
    "The name comes from {language} and refers to {matter}",
    "In {land} the roots were once used against {illness}",
    "Folklore holds that it {belief}",
    "It is pollinated by {visitor} and {visitor}",
    "The plant reaches about {size} in height",
    "Blooms measure roughly {size} across",
    "The scent is {scent}, strongest {time}",
    "It is a {habit} that {behaviour}",
    "The tubers are planted in {season}, {depth} deep",
    "Older clumps should be divided every {number} years",
    "All parts are {toxic} if eaten",
    "It is easily grown and popular with {people}",
    "Several cultivars have won awards",
    "The species is {status} in the wild",
    "It often forms large colonies in {place}",
    "The genus contains some {number} species, mostly in {land}",
    "It makes a long-lasting cut flower",
    "Seeds ripen in {season} and are spread by {carrier}",
    "Gardeners value it for {value}",
    "It is the emblem of a province in {land}",
    "Slugs and {pest} are the chief pests",
)

FILLERS = {
    "place": _split(
        "damp meadows|open woodland|rocky slopes|coastal dunes|mountain pastures|roadside verges|bogs and fens|dry grassland|cloud forest"
        "|limestone cliffs|stream banks|hedgerows|sandy heaths|cornfields|alpine screes|abandoned fields|tropical forests|marshes"
    ),
    "region": _split(
        "across much of the north|in the uplands|throughout the region|at low altitude|below the tree line|near the coast|in the interior"
    ),
    "land": _split(
        "southern Europe|Central Asia|the Cape|Mexico|Japan|the Himalaya|North Africa|Chile|Turkey|eastern Australia|the Mediterranean"
        "|South America|western China|Madagascar|California|the Caucasus|New Zealand|Brazil|India|the Balkans|Scandinavia"
    ),
    "age": _split("antiquity|the sixteenth century|Victorian times|1789|the Middle Ages|Roman days|the 1920s"),
    "month": _split("February|March|April|May|June|July|August|September|October"),
    "months": _split(
        "March to May|April to June|May to July|June to September|July to October|late spring to midsummer|May until the first frosts"
        "|February to April|midsummer to autumn"
    ),
    "season": _split("early spring|late spring|high summer|autumn|winter|midsummer|the rainy season|fall|spring"),
    "number": _split("two|three|four|ten|twelve|twenty|several|forty|a hundred|six|eight"),
    "visitor": _split(
        "bumblebees|hawk moths|hummingbirds|hoverflies|butterflies|honeybees|beetles|sunbirds|long-tongued flies|small bats"
    ),
    "soil": _split(
        "well-drained soil|moist, acid soil|chalky ground|rich loam|poor sandy soil|heavy clay|humus-rich soil|gritty compost|fertile soil"
    ),
    "care": _split(
        "regular watering|little attention|protection from frost|plenty of feeding|a dry rest in summer|support in windy places"
    ),
    "light": _split(
        "full sun|partial shade|a sheltered wall|bright shade|a warm border|a cool greenhouse|at least six hours of sun"
    ),
    "means": _split("seed|division|cuttings|offsets|layering|root cuttings|bulbils|softwood cuttings"),
    "hardy": _split("hardy|half-hardy|frost-tender|tolerant of drought|long-lived|short-lived|fully hardy"),
    "dislike": _split(
        "wet winters|lime|transplanting|deep shade|being moved|strong wind|waterlogged ground|summer heat"
    ),
    "person": _split(
        "a botanist|a French missionary|a Swedish physician|an explorer|a nurseryman|a ship's doctor|a Scottish gardener"
    ),
    "language": _split("Greek|Latin|Arabic|a local language|Old English|Persian|Nahuatl"),
    "matter": _split(
        "the wind|a lost lover|the time of flowering|its use in medicine|a river where it was first found|the shape of the seed"
        "|a legendary king|the healing of wounds|the cuckoo's return"
    ),
    "illness": _split("fever|toothache|coughs|snake bite|sore eyes|melancholy|gout|indigestion"),
    "belief": _split(
        "brings luck to travellers|keeps witches away|must never be brought indoors|sprang from tears|opens only for the honest"
    ),
    "size": _split(
        "2 inches|5 cm|three feet|40 cm|60 centimetres|1.5 to 2.5 inches|knee height|half a metre|12 in|1 m|four inches"
    ),
    "scent": _split("sweet|faint|spicy|reminiscent of cloves|heavy|unpleasant|honeyed|absent in dry weather"),
    "time": _split("at dusk|in the morning|at night|in warm weather|after rain"),
    "habit": _split(
        "tuberous perennial|clump-forming perennial|hardy annual|biennial|small shrub|bulbous plant|rhizomatous herb|evergreen perennial"
        "|creeping perennial|short-lived perennial|climber"
    ),
    "behaviour": _split(
        "dies back in summer|spreads by runners|self-seeds freely|is slow to establish|naturalises well|goes dormant after flowering"
        "|colonises bare ground|resents disturbance"
    ),
    "depth": _split("2 inches|three inches|5 cm|a hand's breadth|10 cm"),
    "toxic": _split("poisonous|mildly toxic|harmless|toxic to livestock|irritating"),
    "people": _split("beginners|florists|beekeepers|collectors|rock gardeners|city gardeners"),
    "status": _split("rare|common|protected|declining|vulnerable|widespread|threatened|abundant"),
    "carrier": _split("ants|the wind|birds|water|passing animals"),
    "value": _split(
        "its long season|its hardiness|its scent|its ease of growth|its resistance to drought|ground cover"
    ),
    "pest": _split("aphids|snails|vine weevil|red spider|mice|lily beetle"),
}
