"""Which regions of a picture each class looks at in the attended auto-encoder (Li and Wang 2019).

Owns the maps and what share of them lies on an object. Knows no network and no dataset.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["AttentionMaps"]


@dataclass(frozen=True, eq=False)
class AttentionMaps:
    """N images and K classes of h x w regions.

    class_ids, class_names: K each.
    values: A of the paper's equation 3, (N, K, h, w) float32; every map sums to 1.
    scores: (N, K) float32, the largest names the image.
    """

    class_ids: tuple[str, ...]
    class_names: tuple[str, ...]
    values: np.ndarray
    scores: np.ndarray

    @property
    def regions(self) -> int:
        """How many regions a picture has."""
        return int(np.prod(self.values.shape[2:]))

    def named(self, image: int) -> str:
        """Name of the class that an image is given."""
        return self.class_names[int(self.scores[image].argmax())]

    def of_class(self, image: int, class_id: str) -> np.ndarray:
        """The map of one class, (h, w)."""
        return self.values[image, self.class_ids.index(class_id)]

    def share_inside(self, image: int, class_id: str, mask: np.ndarray) -> float:
        """Share of the attention that falls on an object.

        Args:
            image: which image.
            class_id: whose attention.
            mask: (S, S) bool, the object's pixels, whatever their number.

        Returns:
            0 to 1; every region spreads its attention evenly over its pixels.
        """
        attention = self.of_class(image, class_id)
        rows, columns = (
            np.arange(side) * count // side for side, count in zip(mask.shape, attention.shape, strict=True)
        )
        spread = attention[np.ix_(rows, columns)].astype(np.float64)
        return float(spread[mask].sum() / spread.sum())
