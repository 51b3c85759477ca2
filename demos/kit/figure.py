"""The curves of a run as a figure for a slide or a paper. The live charts are drawn elsewhere."""

import io
from typing import TYPE_CHECKING

from demos.kit.language import say, section
from demos.kit.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curves_figure(run: Run, lang: str) -> "Figure":
    """Loss-like curves on the left, those between 0 and 1 that end in accuracy on the right."""
    from matplotlib.figure import Figure  # only a download needs it, and it loads slowly

    names = section("metrics", lang)
    curves = run.curves()
    shares = [name for name in curves if name.endswith("accuracy")]
    rest = [name for name in curves if name not in shares]
    panels = [panel for panel in (rest, shares) if panel]
    figure = Figure(figsize=(5.0 * max(1, len(panels)), 3.4), layout="constrained")
    for place, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(1, len(panels), place)
        for name in panel:
            steps, values = zip(*curves[name], strict=True)
            few = len(steps) < 30
            axes.plot(steps, values, marker="o" if few else "", lw=1.6, label=names.get(name, name))
        axes.set_xlabel(say("kit.figure.step", lang))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
        axes.legend(frameon=False)
    return figure


def as_file(figure: "Figure", kind: str) -> bytes:
    """The figure as "png" (200 dots per inch) or "svg"."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=200)
    return buffer.getvalue()
