"""Losses and residuals as pure functions of `keras.ops` tensors.

Films are (n, h, w, 1) in [-1, 1]; a residual is (n, h, w), zero where film and reconstruction
agree. Random functions take a `keras.random.SeedGenerator`.
"""

import math

import keras
import numpy as np
from keras import ops

from lib.engine import input_gradient


def weighted_cross_entropy(y, logit, class_weights):
    """Return the mean over known films of w(y) * [-y log p - (1 - y) log(1 - p)].

    p = sigmoid(logit), logit (n,); y (n,) is 1, 0 or NaN (unknown: weight 0); class_weights (2,)
    are those of normal and abnormal films.
    """
    known = ops.logical_not(ops.isnan(y))
    label = ops.where(known, y, ops.zeros_like(y))  # NaN times zero would still be NaN
    entropy = ops.softplus(logit) - label * logit
    weight = class_weights[0] + (class_weights[1] - class_weights[0]) * label
    known = ops.cast(known, logit.dtype)
    return ops.sum(known * weight * entropy) / ops.maximum(ops.sum(known), 1.0)


def cross_entropy(logit, target):
    """Return the mean of -[target log p + (1 - target) log(1 - p)], p = sigmoid(logit)."""
    return ops.mean(ops.softplus(logit) - target * logit)


def semi_supervised(d, y, eta):
    """Return the mean of d (y unknown), eta (d + 1e-6) (y = 0) or eta / (d + 1e-6) (y = 1).

    Ruff et al., arXiv 1906.02694, equation 7; d (n,) are squared distances to the centre, and y
    (n,) is 1, 0 or NaN.
    """
    distance = d + 1e-6
    known = ops.logical_not(ops.isnan(y))
    return ops.mean(ops.where(y == 1, eta / distance, ops.where(known, eta * distance, d)))


def radial_cross_entropy(d, y, eta):
    """Return the mean of d (y unknown), eta d (y = 0) or -eta log(1 - exp(-d)) (y = 1).

    The cross-entropy of p(normal) = exp(-d), as in Ruff et al., arXiv 2006.00339; d (n,) are
    squared distances, and y (n,) is 1, 0 or NaN.
    """
    repulsion = -ops.log(1 - ops.exp(-d) + 1e-6)
    weight = ops.where(ops.isnan(y), 1.0, eta)
    return ops.mean(weight * ops.where(y == 1, repulsion, d))


def contrastive(z, alike, temperature):
    """Return the mean over rows i of the mean over their partners j of -log p(j | i).

    p(. | i) is the softmax over all other rows of cos(z_i, z_j) / temperature. z is (n, d); alike
    (n, n) is 1 where two rows are partners, at least one per row; its diagonal is ignored. Khosla
    et al., arXiv 2004.11362, equation 2; with one partner per row, NT-Xent (Chen et al., arXiv
    2002.05709, equation 1).
    """
    z = z / ops.sqrt(ops.sum(ops.square(z), axis=1, keepdims=True) + 1e-12)
    diagonal = ops.eye(ops.shape(z)[0])
    logits = ops.matmul(z, ops.transpose(z)) / temperature
    log_p = logits - ops.logsumexp(logits - 1e9 * diagonal, axis=1, keepdims=True)
    partners = ops.cast(alike, z.dtype) * (1 - diagonal)
    return -ops.mean(ops.sum(partners * log_p, axis=1) / ops.sum(partners, axis=1))


def kl_divergence(z_mean, z_log_var):
    """Return KL(N(z_mean, exp z_log_var) || N(0, I)) of each film, (n,), in nats.

    Kingma and Welling, arXiv 1312.6114, appendix B; z_mean and z_log_var are (n, d).
    """
    return 0.5 * ops.sum(ops.square(z_mean) + ops.exp(z_log_var) - 1 - z_log_var, axis=1)


def sample_gaussian(z_mean, z_log_var, seed):
    """Draw z = z_mean + exp(z_log_var / 2) epsilon, epsilon ~ N(0, I), (n, d)."""
    noise = keras.random.normal(ops.shape(z_mean), seed=seed)
    return z_mean + ops.exp(z_log_var / 2) * noise


def gradient_penalty(critic, real, generated, seed):
    """Return the mean of (||d critic(u) / du|| - 1)^2 at u between real and generated films.

    Gulrajani et al., arXiv 1704.00028, equation 3: u = e real + (1 - e) generated, e ~ U[0, 1] for
    each film. Films are (n, h, w, 1); `critic(u)` is (n,) or (n, 1) and changes no state.
    """
    share = keras.random.uniform((ops.shape(real)[0], 1, 1, 1), seed=seed)
    gradient = input_gradient(critic, share * real + (1 - share) * generated)
    # The square root has no gradient at 0.
    norm = ops.sqrt(ops.sum(ops.square(gradient), axis=(1, 2, 3)) + 1e-12)
    return ops.mean(ops.square(norm - 1))


def mean_of_largest(pixels, k):
    """Return the mean of the `k` largest pixels (or all, if fewer) of each map (n, h, w); (n,).

    Davletshina et al. (arXiv 2001.10883) take 200 of 512 x 512.
    """
    count = pixels.shape[1] * pixels.shape[2]
    return ops.mean(ops.top_k(ops.reshape(pixels, (-1, count)), min(k, count))[0], axis=1)


def absolute_residual(x, reconstruction):
    """Return |x - reconstruction|, (n, h, w)."""
    return ops.squeeze(ops.abs(x - reconstruction), axis=-1)


def squared_residual(x, reconstruction):
    """Return (x - reconstruction)^2, (n, h, w)."""
    return ops.squeeze(ops.square(x - reconstruction), axis=-1)


def gradient_map(score, x):
    """Return the saliency of films (n, h, w, 1) for their `score(x) -> (n,)`, (n, h, w).

    |d score / dx| of Simonyan et al., arXiv 1312.6034, section 3.1, smoothed by a Gaussian of 1/32
    of the side, since the gradient of a strided convolution is a chequerboard.
    """
    sigma = x.shape[1] / 32
    gradient = ops.abs(input_gradient(score, x))
    return _blur(gradient, 2 * math.ceil(2 * sigma) + 1, sigma)[..., 0]


def ssim_residual(x, reconstruction):
    """Return (1 - SSIM) / 2 in [0, 1], (n, h, w)."""
    return (1.0 - ssim(x, reconstruction)) / 2.0


def ssim(x, y, window=11, sigma=1.5, value_range=2.0):
    """Return the structural similarity of two batches per pixel, (n, h, w) in [-1, 1].

    Wang et al. 2004 (doi 10.1109/TIP.2003.819861), equation 13: Gaussian window of `window` pixels
    and standard deviation `sigma` pixels, K1 = 0.01, K2 = 0.03. It is 1 where both agree. Films are
    reflected at the border. Of several channels, (n, h, w, c), it is the mean.
    """
    c1, c2 = (0.01 * value_range) ** 2, (0.03 * value_range) ** 2
    mean_x, mean_y = _blur(x, window, sigma), _blur(y, window, sigma)
    variance_x = _blur(x * x, window, sigma) - mean_x**2
    variance_y = _blur(y * y, window, sigma) - mean_y**2
    covariance = _blur(x * y, window, sigma) - mean_x * mean_y
    numerator = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    denominator = (mean_x**2 + mean_y**2 + c1) * (variance_x + variance_y + c2)
    return ops.mean(numerator / denominator, axis=-1)


def _blur(x, window, sigma):
    """Return x (n, h, w, c) convolved with a Gaussian, each channel by itself.

    As products with matrices: for many channels, both backends are slow at convolutions by channel.
    """
    rows, columns = (_blurring(size, window, sigma) for size in x.shape[1:3])
    x = ops.einsum("ih,nhwc->niwc", ops.convert_to_tensor(rows, dtype=x.dtype), x)
    return ops.einsum("jw,niwc->nijc", ops.convert_to_tensor(columns, dtype=x.dtype), x)


def _blurring(size, window, sigma):
    """Return the matrix (size, size) that blurs a line of pixels, reflected at its ends."""
    offsets = np.arange(window) - window // 2
    weights = np.exp(-(offsets**2) / (2 * sigma**2))
    reflected = np.pad(np.eye(size), [(window // 2, window // 2), (0, 0)], mode="reflect")
    shifted = [weight * reflected[k : k + size] for k, weight in enumerate(weights)]
    return np.sum(shifted, axis=0) / weights.sum()
