"""A backend of matplotlib whose ``show`` saves the figures: ``MPLBACKEND=module://hotloop.book.figures``.

Source: "Writing a backend", matplotlib's documentation of ``matplotlib.backends.backend_template``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib._pylab_helpers import Gcf
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from hotloop.book import pictures

__all__ = ["FigureCanvas", "FigureManager"]


class FigureManager(FigureManagerBase):
    """Shows a figure by saving it as PNG."""

    saved: Path | None = None

    def show(self) -> None:
        """Save the figure, again under the same name if it was shown before."""
        self.saved = pictures.save(self.canvas.figure.savefig, self.saved)

    @classmethod
    def pyplot_show(cls, *, block: bool | None = None) -> None:
        """Save all open figures and close them, as a user closes the windows; ``block=False`` leaves them."""
        managers: list[Any] = Gcf.get_all_fig_managers()
        for manager in managers:
            manager.show()
        if block is not False:
            Gcf.destroy_all()


class FigureCanvas(FigureCanvasAgg):
    """Draws with Agg."""

    manager_class = FigureManager
