"""Deep multi-sphere SVDD: normal films are mapped into several small hyperspheres.

Ghafoori and Leckie, SIAM International Conference on Data Mining 2020
([doi 10.1137/1.9781611976236.13](https://doi.org/10.1137/1.9781611976236.13)), after Deep SVDD
(`lib.methods.deep_svdd`). Normal films of seven body parts need not lie around one centre. With z =
phi(x), centres c_k, k the nearest of the surviving ones and d = min_k ||z - c_k||^2:

    hard: loss = mean d,                                               score = d
    soft: loss = mean_k R_k^2 + (1/nu) mean max(0, d - R_k^2),         score = d - R_k^2

phi is first trained as the encoder of an autoencoder. The centres are those of k-means on the
normal films' embeddings, kept away from zero as in Deep SVDD, and remain fixed. After each epoch
past the warm-up, n_k normal films have c_k as their nearest centre: a sphere with n_k < nu max n is
removed permanently, so that an empty sphere is never kept and the largest always is. Then R_k^2 is
the (1 - nu) quantile of d among the films of sphere k, including those of removed spheres.

Published: only with an autoencoder trained at the same time (`lib.methods.joint_dmsvdd`), in the
X-ray code of Spahr ([arXiv 2102.09895](https://arxiv.org/abs/2102.09895)), without results. With
labels (`lib.methods.joint_dmsad`), 2 to 5 of 100 spheres remain there after the first epoch and 1
to 3 at the end: the training curve `spheres` is more informative than the initial number.

**Differs from the X-ray code**

| what | X-ray code | here |
| --- | --- | --- |
| 1. phi | trained together with the autoencoder, losses balanced | trained after the autoencoder |
| 2. boundary | soft in its script, nu = 0.01 | hard or soft |
| 3. counting films, radii | from embeddings in training mode, with batch statistics | from embeddings in inference mode, with the averages of batch norm |
| 4. films of a removed sphere | enter a radius only after the next epoch | enter at once that of their nearest surviving sphere |
| 5. few films | k-means fails | no more centres than distinct embeddings |
| 6. radii | | also set with the hard boundary, for the score `beyond` only |
| 7. | | differences 2 to 7 of `lib.methods.deep_svdd` |

**Known defects** of the reference code: its hard boundary, which no script of it runs, keeps the
spheres with n_k = 0 and removes those in use, until none is left. Its validation overwrites the
number of the film with that of the sphere. Neither changes a published result, so that there is no
form `as_published`.
"""  # noqa: E501

from typing import ClassVar

import numpy as np
from keras import ops
from sklearn.cluster import KMeans

from lib import losses
from lib.methods.deep_svdd import DeepSVDD


class DMSVDD(DeepSVDD):
    """Many hyperspheres (equations above); further keywords are DeepSVDD's.

    - `spheres`: initial number of spheres
    - `nu`: share of its films outside a soft boundary, and number of films that a sphere needs to
      be kept, as a share of the largest sphere's
    - `warm_up_epochs`: epochs before spheres are removed and radii are set
    - `boundary`: hard or soft
    - `score_name`: distance or beyond; None: beyond for a soft boundary, otherwise distance
    """

    scores: ClassVar = ("distance", "beyond")

    def __init__(
        self,
        *,
        spheres=100,
        nu=0.1,
        warm_up_epochs=5,
        boundary="hard",
        score_name=None,
        **options,
    ):
        if spheres < 1 or not 0 < nu < 1:
            raise ValueError(
                f"{type(self).__name__} needs at least one sphere and a share between 0 and 1, "
                f"not spheres={spheres} and {nu}."
            )
        self.spheres = spheres
        score_name = score_name or {"soft": "beyond"}.get(boundary, "distance")
        super().__init__(
            nu=nu,
            warm_up_epochs=warm_up_epochs,
            boundary=boundary,
            score_name=score_name,
            **options,
        )

    def add_spheres(self):
        """Add centres, squared radii, and 1 for each surviving sphere, in arrays of fixed shape."""
        count = self.spheres
        fixed = {"initializer": "zeros", "trainable": False}
        self.centers = self.add_weight(shape=(count, self.latent_dim), name="centers", **fixed)
        self.squared_radii = self.add_weight(shape=(count,), name="squared_radii", **fixed)
        self.alive = self.add_weight(
            shape=(count,), name="alive", initializer="ones", trainable=False
        )

    def start(self, normal):
        """Place the centres by k-means on the embeddings of normal films (n, h, w, 1)."""
        z = self.embed(normal)
        count = min(self.spheres, len(np.unique(z, axis=0)))
        clusters = KMeans(count, n_init=10, random_state=self.seed).fit(z)
        centers = np.zeros(self.centers.shape, "float32")
        centers[:count] = self.away_from_zero(clusters.cluster_centers_)
        self.centers.assign(centers)
        self.alive.assign((np.arange(self.spheres) < count).astype("float32"))

    def set_spheres(self, z):
        """Remove spheres by the embeddings (n, latent_dim), set the radii of the others."""
        self.prune(z)
        self.set_radii(z)

    def prune(self, z):
        """Remove spheres that contain too few of the embeddings (n, latent_dim)."""
        films = np.bincount(self.nearest_sphere(z), minlength=self.spheres)  # n_k
        stays = films >= self.nu * films.max()  # no empty sphere, as nu > 0
        self.alive.assign(ops.convert_to_numpy(self.alive) * stays)

    def set_radii(self, z):
        """Set R_k^2 to the (1 - nu) quantile of d among embeddings (n, latent_dim) in sphere k."""
        d, nearest = self.batchwise(self.squared_distance, z), self.nearest_sphere(z)
        squared = np.zeros(self.spheres, "float32")
        for k in np.unique(nearest):
            squared[k] = np.quantile(d[nearest == k], 1 - self.nu)
        self.squared_radii.assign(squared)

    def look(self, z):
        """Return the curves of Deep SVDD and the number of surviving spheres."""
        return {**super().look(z), "spheres": float(ops.sum(self.alive))}

    def radius(self):
        """Return the mean of R_k over the surviving spheres."""
        return float(self.mean_of_alive(ops.sqrt(self.squared_radii)))

    def mean_of_alive(self, values):
        """Return the mean over the surviving spheres of one value per sphere, (spheres,)."""
        return ops.sum(values * self.alive) / ops.sum(self.alive)

    def nearest(self, z):
        """Return d = ||z - c_k||^2, (n,), and k, (n,), of the nearest surviving centre."""
        d = ops.sum(ops.square(z[:, None] - self.centers), axis=2)  # (n, spheres)
        d = ops.where(self.alive > 0, d, np.inf)
        return ops.min(d, axis=1), ops.argmin(d, axis=1)

    def squared_distance(self, z):
        """Return d, (n,)."""
        return self.nearest(z)[0]

    def nearest_sphere(self, z):
        """Return k of embeddings (n, latent_dim), (n,) as an array."""
        return self.batchwise(lambda part: self.nearest(part)[1], z)

    def sphere(self, x):
        """Return k of films (n, h, w, 1), (n,) as an array, in the initial numbering."""
        return self.nearest_sphere(self.embed(x))

    def compactness(self, z, y=None):
        """Return the loss with a hard or soft boundary of embeddings (n, latent_dim)."""
        d, nearest = self.nearest(z)
        if self.boundary == "hard":
            return ops.mean(d)
        outside = ops.mean(ops.relu(d - ops.take(self.squared_radii, nearest)))
        return self.mean_of_alive(self.squared_radii) + outside / self.nu

    def scores_of(self, z):
        """Return {name: (n,)}: d and d - R_k^2 of embeddings (n, latent_dim)."""
        d, nearest = self.nearest(z)
        return {"distance": d, "beyond": d - ops.take(self.squared_radii, nearest)}

    def examine(self, x):
        """Return d, d - R_k^2, and the gradient of d, which is that of both, as the map."""

        def distance(films):
            return self.squared_distance(self.encoder(films, training=False))

        scores = self.scores_of(self.encoder(x, training=False))
        return {**scores, "map": losses.gradient_map(distance, x)}
