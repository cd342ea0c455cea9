"""hotloop on threads of its own in place of OpenMP's."""

import hotloop
from peers.hotloop_peer import build, variants

__all__ = ["build", "variants"]

hotloop.config.set_threading("pool")
