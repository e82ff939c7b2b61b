"""Networks of the SVDD family that a test can train in seconds: arguments of their detectors."""

AT_8_PIXELS = {
    "image_size": 8,
    "width": 2,
    "blocks": (1, 1),
    "latent_dim": 2,
    "batch_size": 8,
    "epochs": 2,
    "batches_before_center": 4,
}
AT_32_PIXELS = AT_8_PIXELS | {"image_size": 32, "width": 4, "blocks": (1, 1, 1), "latent_dim": 4}
DROCC_AT_8_PIXELS = {
    "image_size": 8,
    "width": 2,
    "latent_dim": 4,
    "batch_size": 8,
    "warm_up_epochs": 1,
}
