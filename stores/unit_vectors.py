"""Vectors of length 1, whose dot product is their cosine."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def unit_vectors(vectors: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Brings the rows of a matrix (n, d) to length 1.

    A row of zeros has no direction and becomes NaN; a row that is not finite holds NaN somewhere.
    """
    # In double precision, so that neither very long nor very short vectors lose their direction.
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(vectors / np.sqrt(squares)[:, np.newaxis], dtype=np.float32)
