"""Embeddings in two dimensions."""

import numpy as np
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE


def of(embedding: np.ndarray) -> dict[str, np.ndarray]:
    """Return two views of an embedding (n, d), each (n, 2): linear, and by neighbours."""
    neighbours = min(30, (len(embedding) - 1) // 3)
    return {
        "principal components": PCA(2, random_state=0).fit_transform(embedding),
        "t-SNE": TSNE(perplexity=neighbours, random_state=0).fit_transform(embedding),
    }
