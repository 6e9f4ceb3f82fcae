"""Draws the picture of the demo's page: its drawn example, answered by the default model.

python docs/draw_demo.py docs/images/demo.jpg [--width N] [--dark]
"""

from __future__ import annotations

import shutil
import threading
from argparse import ArgumentParser
from io import BytesIO

from agekit_demo.server import PageServer
from agekit_demo.site import make_site
from PIL import Image
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Writes the picture."""
    parser = ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--width", type=int, default=1000)
    parser.add_argument("--dark", action="store_true")
    asked = parser.parse_args()
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with PageServer(make_site(None, "default")) as server, sync_playwright() as started:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": asked.width, "height": 640},
            color_scheme="dark" if asked.dark else "light",
        )
        page.set_default_timeout(300_000)
        page.goto(server.address)
        page.locator("body[data-ready]").wait_for(state="attached")
        page.get_by_text("try a drawn one").click()
        page.get_by_role("button", name="Face 2: make it older and younger").click()
        page.locator(".slide").wait_for()
        page.evaluate("scrollTo(0, 0)")
        page.mouse.move(0, 0)
        shown = Image.open(BytesIO(page.screenshot(full_page=True)))
        box = page.locator("footer").bounding_box()
        shown = shown.crop((0, 0, shown.width, int(box["y"]))) if box else shown
        browser.close()
        server.shutdown()
    shown.convert("RGB").save(asked.path, quality=88)


if __name__ == "__main__":
    main()
