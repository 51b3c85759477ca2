"""Draw the 200 pen digits of the tests on the real pad: `python -m tests.make_pen_digits`.

Replays the strokes of pen_strokes.py with the mouse, on the drawing pad, in Chromium, and keeps
what the pad sent: tests/data/pen_digits.npz (pictures uint8 (200, 84, 84), labels, styles, ways).
The strokes themselves go to tests/data/pen_digits.json. `--sheet FILE.png` also draws all of them
on one sheet, to be looked at. Takes a few minutes; test_pen_digits.py reads the result.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, sync_playwright

from tests.browser.pad_page import CANVAS_SELECTOR, PadPage, pad_page
from tests.chromium import FLAGS, find
from tests.pen_strokes import PER_STYLE, SIDE, STYLES, Drawing, drawings

FOLDER = Path(__file__).parent / "data"
PICTURES, STROKES = FOLDER / "pen_digits.npz", FOLDER / "pen_digits.json"
QUIET_S = 0.4  # the pad sends at most every 0.125 s: after this long the last picture has come
PATIENCE_S = 20.0


def replay(page: Page, pad: PadPage, drawing: Drawing) -> np.ndarray:
    """Draw it with the mouse on an empty pad; return the picture (84, 84) uint8 that was sent."""
    if pad.pixels and pad.pixels[-1]:
        page.locator("#pad .dl-clear").click()
    page.locator("#pad input[type=range]").fill(str(drawing.width))
    _settle(pad, empty=True)
    box = page.locator(CANVAS_SELECTOR).bounding_box()
    if box is None or round(box["width"]) != SIDE:
        raise RuntimeError(f"the pad must be {SIDE} pixels wide, not {box}")
    for stroke in drawing.strokes:
        for index, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if index == 0:
                page.mouse.down()
        page.mouse.up()
    _settle(pad, empty=False)
    picture = (pad.canvas * 255).round().byte().numpy()
    if not covers(picture, drawing):
        raise RuntimeError(f"a {drawing.label} arrived incomplete")
    return picture


def covers(picture: np.ndarray, drawing: Drawing) -> bool:
    """Whether there is ink wherever the pen was reported: nothing of the strokes got lost."""
    return all(
        picture[min(int(y) // 4, 83), min(int(x) // 4, 83)] > 100
        for stroke in drawing.strokes
        for x, y in (stroke[0], stroke[-1], *stroke[1:-1:4])
    )


def _settle(pad: PadPage, *, empty: bool) -> None:
    end, seen, since = time.monotonic() + PATIENCE_S, len(pad.pixels), time.monotonic()
    while time.monotonic() < end:
        time.sleep(0.02)
        if len(pad.pixels) != seen:
            seen, since = len(pad.pixels), time.monotonic()
        is_empty = not pad.pixels or pad.pixels[-1] == ""
        if is_empty == empty and time.monotonic() - since > (0 if empty else QUIET_S):
            return
    raise TimeoutError("the pad did not say what was drawn")


def sheet(pictures: np.ndarray) -> np.ndarray:
    """All drawings side by side, one row a digit: (10 * 88, 20 * 88) uint8."""
    framed = np.pad(pictures, ((0, 0), (2, 2), (2, 2)), constant_values=60)
    columns = PER_STYLE * len(STYLES)
    rows = framed.reshape(-1, columns, *framed.shape[1:])  # (10, 20, 88, 88)
    return rows.transpose(0, 2, 1, 3).reshape(len(rows) * framed.shape[1], -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sheet", type=Path, help="also draw all digits into this PNG")
    flags = parser.parse_args()

    planned, chromium = drawings(), find()
    with pad_page() as pad, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(pad.url)
        page.locator(CANVAS_SELECTOR).wait_for()
        pictures = []
        for count, drawing in enumerate(planned, start=1):
            pictures.append(replay(page, pad, drawing))
            print(f"\r{count}/{len(planned)}", end="", flush=True)
        browser.close()
    print()

    FOLDER.mkdir(exist_ok=True)
    np.savez_compressed(
        PICTURES,
        pictures=np.stack(pictures),
        labels=np.array([drawing.label for drawing in planned]),
        styles=np.array([drawing.style for drawing in planned]),
        ways=np.array([drawing.way for drawing in planned]),
    )
    lines = ",\n".join(json.dumps(d.as_json(), separators=(",", ":")) for d in planned)
    STROKES.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    if flags.sheet:
        from PIL import Image

        Image.fromarray(sheet(np.stack(pictures))).save(flags.sheet)


if __name__ == "__main__":
    main()
