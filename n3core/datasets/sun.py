"""SUN attribute database: 14,340 photographs of 717 scenes, 20 of each, as used in zero-shot learning.

https://cs.brown.edu/~gmpatter/sunattributes.html (SUNAttributeDB_Images.tar.gz and SUNAttributeDB.tar.gz). Unpack both
into $N3_DATA/sun, so that there lie

    SUNAttributeDB/images.mat   variable `images`, cells such as "a/abbey/sun_aaalbzqrimafwbiv.jpg"; images.mat in the
                                folder itself does as well
    images/a/abbey/*.jpg, images/b/bakery/shop/*.jpg

The class is the path between the first letter and the file: "abbey", "bakery_shop". The archive has further images
without attributes; only those of images.mat are read. Class attributes come with the feature files, see `gbu`.

Licence: for research; the photographs belong to their photographers.

Splits: see `class_splits`; N3 has no figures here, the counts are those of Xian et al. (580 / 65 / 72).
Owns this layout; knows no model.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from n3core.datasets.class_splits import Sizes, SplitRules
from n3core.datasets.listings import check_inside, require
from n3core.datasets.matlab import read_matlab, read_texts
from n3core.datasets.published import Archive, Contents, PublishedDataset
from n3core.errors import InputError

__all__ = ["SUN", "is_sun", "open_sun"]

SUN = Archive("sun", "SUN attributes", "https://cs.brown.edu/~gmpatter/sunattributes.html", classes=717, images=14_340)
SIZES = {name: Sizes(580, 65, 72) for name in ("SS", "PS", "RANDOM")}
_PLACES = ("SUNAttributeDB/images.mat", "images.mat")


def is_sun(folder: Path) -> bool:
    """Whether the folder has the layout of this reader, be it with files missing."""
    return (folder / "images").is_dir() and any((folder / place).is_file() for place in _PLACES)


def open_sun(
    folder: Path,
    split: str | None = None,
    descriptions: Path | None = None,
    *,
    strict: bool = False,
    undescribed: bool = False,
) -> PublishedDataset:
    """Open the SUN attribute database; arguments and errors as `PublishedDataset`, and for paths without a class."""
    place = next((place for place in _PLACES if (folder / place).is_file()), _PLACES[0])
    require(folder, (place, "images/"), SUN.page)
    listed = folder / place
    images: dict[str, list[str]] = {}
    seen: set[str] = set()
    for path in read_texts(read_matlab(listed, ("images",))["images"], f"{listed}: 'images'"):
        path = check_inside(path, listed)
        parts = PurePosixPath(path).parts
        if len(parts) < 3 or path in seen:
            what = "stands twice" if path in seen else "has no class between its letter and its file"
            raise InputError(f"{listed}: {path[:120]!r} {what}; download the file again")
        seen.add(path)
        images.setdefault("_".join(parts[1:-1]), []).append(path)
    names = {class_id: class_id.replace("_", " ") for class_id in images}
    contents = Contents(folder, folder / "images", names, images, SplitRules(SUN.name, SIZES, ("RANDOM",)))
    return PublishedDataset(SUN, contents, split, descriptions, strict=strict, undescribed=undescribed)
