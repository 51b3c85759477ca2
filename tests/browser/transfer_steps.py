"""Pictures and archives of one's own, and how they come to the transfer tab."""

import base64
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page


def picture(colour: tuple[int, int, int], seed: int = 0) -> bytes:
    """A noisy square of one colour, as a PNG file."""
    noise = np.random.default_rng(seed).integers(0, 60, (120, 160, 3))
    file = io.BytesIO()
    Image.fromarray((noise + np.array(colour)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def files(colour: tuple[int, int, int], count: int, folder: Path) -> list[Path]:
    made = []
    for seed in range(count):
        made.append(folder / f"{colour[0]}-{seed}.png")
        made[-1].write_bytes(picture(colour, seed))
    return made


def card(page: Page, number: int) -> Locator:
    return page.locator("#transfer-classes section.card").nth(number)


def zipped(content: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of these files."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in content.items():
            archive.writestr(name, data)
    return file.getvalue()


def drop(page: Page, name: str, content: bytes) -> None:
    """Drop a file beside the cards."""
    page.locator("#transfer-classes .root").evaluate(
        """(root, [name, data]) => {
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], name));
          root.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
        }""",
        [name, base64.b64encode(content).decode()],
    )


def drop_folder(page: Page, folder: Path) -> None:
    """Drop a folder of this machine beside the cards, as a file manager does."""
    root = page.locator("#transfer-classes .root")
    root.scroll_into_view_if_needed()
    box = root.bounding_box()
    assert box is not None
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send(
            "Input.dispatchDragEvent",
            {"type": kind, "x": box["x"] + 5, "y": box["y"] + 5, "data": data},
        )
    session.detach()


def pretend_camera(page: Page) -> None:
    """A camera that sees noise in `window.seen`, a colour as [red, green, blue]."""
    page.evaluate(
        """() => {
          const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
          const context = canvas.getContext("2d");
          window.seen = [200, 40, 40];
          setInterval(() => {
            const picture = context.createImageData(64, 48);
            for (let i = 0; i < picture.data.length; i += 1) {
              picture.data[i] = i % 4 === 3 ? 255 : window.seen[i % 4] + 50 * Math.random();
            }
            context.putImageData(picture, 0, 0);
          }, 30);
          navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
        }"""
    )
