"""What methods with a loss and a score per pixel share: both may be confined to the body."""

from lib.bodies import bodies_in_graph
from lib.detector import Detector


class Reconstruction(Detector):
    """A method whose loss and scores are means of maps, over films or over the body on them.

    - `inside_body`: whether loss and scores are means over the pixels of the body only, as in the
      X-ray code of Spahr et al. (arXiv 2102.09895): a convex hull (`lib.bodies`), measured on each
      film as it is given, after any augmentation. The networks still see whole films, unless these
      are prepared with `images: {mask: true}`. Of methods with a discriminator the residual alone
      is confined, as the discriminator judges whole films
    """

    def __init__(self, *, inside_body=False, **common):
        super().__init__(**common)
        self.inside_body = inside_body
        self.takes_xla = not inside_body

    def inside(self, x):
        """Return masks of the body on films x, (n, h, w), or None if all pixels count."""
        return bodies_in_graph(x) if self.inside_body else None
