"""AnoDDPM: a diffusion model of normal films denoises a partially noised film; its changes score.

Wyatt et al., CVPR Workshops 2022; diffusion as in DDPM
([arXiv 2006.11239](https://arxiv.org/abs/2006.11239)), with fewer calls of the network as in DDIM
([arXiv 2010.02502](https://arxiv.org/abs/2010.02502)). alpha_bar_t = product of 1 - beta_s over s =
1..t, alpha_bar_0 = 1, e is simplex noise (lib/noise), e_theta the denoiser:

    x_t = sqrt(alpha_bar_t) x_0 + sqrt(1 - alpha_bar_t) e        (DDPM, equation 4)
    loss = mean (e - e_theta(x_t, t))^2,  t ~ U{1..T}            (DDPM, equation 14)
    x_s = sqrt(alpha_bar_s) x_0' + sqrt(1 - alpha_bar_s - sigma^2) e' + sigma e''    (DDIM, 12)
    sigma = eta sqrt((1 - alpha_bar_s) / (1 - alpha_bar_t) (1 - alpha_bar_t / alpha_bar_s))  (16)
    map = (x_0 - r)^2,  r = x_lambda denoised in `steps` calls from t = lambda to 0

x_0' is the estimate of x_0 from x_t and e_theta, clipped to [-1, 1] as in the reference code; e' is
the noise that leads from x_0' to x_t. `steps = noise_level, eta = 1` is the ancestral sampler of
DDPM, as published.

**Differs from the paper**

| what | paper and its code | study on RSNA | here |
| --- | --- | --- | --- |
| 1. sampler | 250 calls per film, ancestral, whose step has the variance beta_t | 200 calls | 10 calls with eta 0; the variance is that of the posterior (both in DDPM, section 3.2) |
| 2. noise in scoring | drawn in each call | the same | from a bank of 256 fields fixed by the seed (below) |
| 3. simplex noise | a slice at t of one in three dimensions, standard deviation 0.5 | the same | two dimensions, variance 1, a randomly placed triangulation |
| 4. period of its first octave | 64 of 256 pixels | 64 of 64 pixels | `frequency`: 64 of 256 pixels, scaled to films |
| 5. lambda and T | 250 of 1000 | 200 of 2000 | 250 of 1000 |
| 6. noise to signal of x_lambda (below) | 0.48 | 0.17 | 0.95: twice that of the paper, 5.6 times that of the study on RSNA |
| 7. t in training | below 800 | below 800 of 2000 | all 1000 steps |
| 8. updates | AdamW without decay, batches of 1, the norm of the gradient clipped at 1 | the same | Adam, batches of 32, no clipping |
| 9. average of the weights (EMA) | momentum 0.9999 | the same | 0.999, since trainings are shorter |
| 10. U-Net | a base width of 128 | 64 | smaller (see `networks.denoiser`) |
| 11. score of a film | maps only | the sum of abs(x_0 - r) | the mean of its map, of the absolute residual, and of the largest pixels |

The study on RSNA is that of YiHsiu7893 on GitHub (64 px), which reports an AUROC of .77. Noise to
signal is s sqrt((1 - alpha_bar_lambda) / alpha_bar_lambda), s the standard deviation of the noise.
With variance 1 the same lambda therefore removes more of a film; `noise_level=139` has the paper's
noise to signal, 49 that of the study on RSNA.

A number computed from the grey values of a film selects its field; each step takes the next one.
The score of a film is therefore reproducible and independent of the other films of its batch.

**Known defects** of reference code: one field of noise for the whole batch, which is valid for
batches of 1 only.

`as_published=True` is the setting of the study on RSNA, with simplex or Gaussian noise: rows 1, 4,
5, 6, 7, the clipping of row 8, and the score `l1` unless another is chosen; simplex noise with a
standard deviation of 0.5, and in training one field for a batch. Rows 2 and 3 remain, as do batch
size, `ema` and `width`.
"""  # noqa: E501

from itertools import pairwise
from typing import ClassVar

import keras
import numpy as np
from keras import ops

from lib import bodies, losses, networks, noise
from lib.noise import number_in_bank
from lib.reconstruction import Reconstruction

NOISES = ("simplex", "gaussian")
PUBLISHED_SPREAD = 0.5  # standard deviation of the published simplex noise, measured
PUBLISHED_PERIOD = 64  # pixels, whatever the size of the film
#: Keywords and their values in the study on RSNA; `trained_steps` is the largest t in training.
PUBLISHED = {"timesteps": 2000, "noise_level": 200, "steps": 200, "eta": 1.0, "trained_steps": 800}


class AnoDDPM(Reconstruction):
    """A diffusion model that denoises partially noised films (equations above).

    - `noise`: e, simplex or gaussian
    - `frequency`, `octaves`, `persistence`: of simplex noise (`lib.noise`), the period of its first
      octave in pixels of a film of 256, their number, and the amplitude of an octave in that of the
      previous one
    - `timesteps`: T
    - `trained_steps`: the largest t in training; None: T
    - `noise_level`: lambda, the step from which films are denoised, at most `timesteps`
    - `steps`: calls of the denoiser per film in scoring, at most `noise_level`
    - `eta`: 0 is DDIM's sampler, 1 DDPM's
    - `width`, `attention`: filters, and pixels a side of maps with attention (`networks.denoiser`)
    - `ema`: momentum of the moving average of the weights, used for scoring
    - `top_k`: number of largest pixels of the map that the score of that name averages
    - `fields`: number of noise fields in the bank for scoring
    - `swept_calls`, `swept_levels`: other values of `steps` and of lambda for `sweep`
    - `as_published`: the setting of the study on RSNA replaces these (see above)
    - `learning_rate`: Adam's
    """

    players: ClassVar = {"loss": ("denoiser",)}
    scores: ClassVar = ("mse", "l1", "top_k")

    def __init__(
        self,
        *,
        noise="simplex",
        frequency=64,
        octaves=6,
        persistence=0.8,
        timesteps=1000,
        trained_steps=None,
        noise_level=250,
        steps=10,
        eta=0.0,
        width=16,
        attention=(16, 8),
        ema=0.999,
        top_k=200,
        fields=256,
        swept_calls=(250, 25, 5, 2),
        swept_levels=(100, 500),
        as_published=False,
        learning_rate=1e-4,
        **common,
    ):
        if as_published and not common.get("score_name"):
            common["score_name"] = "l1"
        super().__init__(learning_rate=learning_rate, **common)
        self.noise, self.as_published = noise, as_published
        self.frequency, self.octaves, self.persistence = frequency, octaves, persistence
        self.noise_level, self.timesteps, self.steps, self.eta = noise_level, timesteps, steps, eta
        self.trained_steps = timesteps if trained_steps is None else trained_steps
        self.width, self.attention = width, attention
        self.ema, self.top_k, self.fields = ema, top_k, fields
        self.swept_calls, self.swept_levels = swept_calls, swept_levels
        if as_published:
            self.frequency = PUBLISHED_PERIOD * 256 / self.image_size
            for name, value in PUBLISHED.items():
                setattr(self, name, value)
        self._check_keywords()
        beta = np.linspace(1e-4, 2e-2, self.timesteps) * 1000 / self.timesteps
        self.alpha_bar = np.append(1, np.cumprod(1 - beta)).astype("float32")
        self.denoiser = networks.denoiser(self.image_size, width, attention)  # e_theta
        self.random = keras.random.SeedGenerator(self.seed)
        self.bank = self.add_weight(
            shape=(fields, self.image_size, self.image_size, 1), name="fields", trainable=False
        )
        drawn = [self.draw(min(32, fields - start)) for start in range(0, fields, 32)]
        self.bank.assign(ops.concatenate(drawn))

    def _check_keywords(self):
        """Raise ValueError for keywords without a meaning."""
        if self.noise not in NOISES:
            raise ValueError(f"The noise of AnoDDPM is gaussian or simplex, not {self.noise!r}.")
        if not (self.octaves >= 1 and self.persistence > 0 and self.frequency > 0):
            raise ValueError(
                "AnoDDPM needs octaves of at least 1, persistence and frequency above 0, not "
                f"{self.octaves}, {self.persistence} and {self.frequency}."
            )
        if not 1 <= self.steps <= self.noise_level <= self.timesteps:
            raise ValueError(
                "AnoDDPM needs 1 <= steps <= noise_level <= timesteps, "
                f"not {self.steps}, {self.noise_level}, {self.timesteps}."
            )
        if not 1 <= self.trained_steps <= self.timesteps:
            raise ValueError(
                "AnoDDPM needs 1 <= trained_steps <= timesteps, "
                f"not {self.trained_steps}, {self.timesteps}."
            )

    def make_optimizers(self, steps):
        """Return Adam; moving averages replace the weights at the end of the fit."""
        options = {"use_ema": True, "ema_momentum": self.ema}
        if self.as_published:
            options["global_clipnorm"] = 1.0
        return {"loss": keras.optimizers.Adam(self.learning_rate, **options)}

    # Training

    def draw(self, count):
        """Return noise e, one field for each of `count` films, (n, h, w, 1)."""
        if self.noise == "gaussian":
            return noise.gaussian(count, self.image_size, self.random)
        of_octaves = self.octaves, self.persistence, self.frequency
        drawn = noise.simplex(count, self.image_size, self.random, *of_octaves)
        return PUBLISHED_SPREAD * drawn if self.as_published else drawn

    def diffuse(self, x, t, e):
        """Return x_t of films x at t (n,) or one number, with noise e."""
        alpha_bar = ops.reshape(ops.take(self.alpha_bar, t), (-1, 1, 1, 1))
        return ops.sqrt(alpha_bar) * x + ops.sqrt(1 - alpha_bar) * e

    def compute_losses(self, x, y=None, training=False):
        """Return mean squared error of the predicted noise; labels are not used."""
        count = ops.shape(x)[0]
        t = keras.random.randint((count,), 1, self.trained_steps + 1, seed=self.random)
        shared = self.as_published and self.noise == "simplex"
        e = self.draw(1 if shared else count)
        inputs = [self.diffuse(x, t, e), ops.cast(t, "float32")]
        predicted = self.denoiser(inputs, training=training)
        return {"loss": bodies.mean_over(ops.square(e - predicted), self.inside(x))}

    # Scoring

    def field(self, number):
        """Return fields of the bank, (n, h, w, 1); the first follows the last."""
        return ops.take(self.bank, number % self.fields, axis=0)

    def step(self, x_t, t, s, e):
        """Return x_s from x_t, s < t, by one denoiser call (DDIM, equation 12) with noise e.

        As published, e has the variance beta_t, except in the last step, which adds none.
        """
        alpha_bar, next_alpha_bar = ops.take(self.alpha_bar, t), ops.take(self.alpha_bar, s)
        time = ops.cast(t, "float32") * ops.ones((ops.shape(x_t)[0],))
        predicted = self.denoiser([x_t, time], training=False)
        x_0 = ops.clip((x_t - ops.sqrt(1 - alpha_bar) * predicted) / ops.sqrt(alpha_bar), -1, 1)
        noise_left = (x_t - ops.sqrt(alpha_bar) * x_0) / ops.sqrt(1 - alpha_bar)
        variance = (1 - next_alpha_bar) / (1 - alpha_bar) * (1 - alpha_bar / next_alpha_bar)
        variance *= self.eta**2  # sigma^2, equation 16
        rest = ops.sqrt(ops.relu(1 - next_alpha_bar - variance))
        if self.as_published:
            variance = (1 - alpha_bar / next_alpha_bar) * ops.cast(s > 0, "float32")
        return ops.sqrt(next_alpha_bar) * x_0 + rest * noise_left + ops.sqrt(variance) * e

    def way_back(self, x, shown):
        """Return [x_lambda, then x after each number of steps in `shown`], (n, h, w, 1) each."""
        times = np.linspace(self.noise_level, 0, self.steps + 1).round().astype("int32")
        number = number_in_bank(x, self.fields)

        def step(k, x_t):
            t, s = ops.take(times, k), ops.take(times, k + 1)
            return self.step(x_t, t, s, self.field(number + k + 1))

        states = [self.diffuse(x, self.noise_level, self.field(number))]
        for first, last in pairwise((0, *shown)):
            states.append(ops.fori_loop(first, last, step, states[-1]))
        return states

    def reconstruction(self, x):
        """Return r, (n, h, w, 1)."""
        return self.way_back(x, [self.steps])[-1]

    def examine(self, x):
        """Return (x_0 - r)^2 as the map, and means over the film."""
        inside = self.inside(x)
        pixels = losses.squared_residual(x, self.reconstruction(x))
        within = bodies.confined(pixels, inside)
        return {
            "map": within,
            "mse": bodies.means_over(pixels, inside),
            "l1": bodies.means_over(ops.sqrt(pixels), inside),
            "top_k": losses.mean_of_largest(within, self.top_k),
        }

    def chain(self, x):
        """Return (steps, n, h, w, 1): films, films at lambda, up to three states between, r."""
        shown = np.unique(np.linspace(0, self.steps, 5).round().astype(int))[1:]
        return ops.stack([x, *self.way_back(x, shown)])

    def sweep(self, x):
        """Return the score with other numbers of calls, up to lambda, then with other lambdas.

        With lambda calls, the sampler is the ancestral one, eta 1.
        """
        of_the_score = self.noise_level, self.steps, self.eta
        if not self.swept_calls and not self.swept_levels:
            return []
        possible = {number for number in self.swept_calls if number <= self.noise_level}
        calls = sorted({*possible, self.steps}, reverse=True)
        settings = [(self.noise_level, number) for number in calls]
        settings += [(level, self.steps) for level in self.swept_levels]
        swept = []
        for level, number in settings:
            self._set_scoring(level, number, 1.0 if number == level else self.eta)
            scores = self.predict(x, maps=False, verbose=0)
            swept.append(({"lambda": level, "calls": number}, scores["score"]))
            self._set_scoring(*of_the_score)
        return swept

    def _set_scoring(self, noise_level, steps, eta):
        self.noise_level, self.steps, self.eta = noise_level, steps, eta
        self.predict_function = None  # compiled by Keras for the previous settings
