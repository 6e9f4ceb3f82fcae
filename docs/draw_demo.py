"""Draws the picture of the demo's page: its drawn example, answered by the default model.

python docs/draw_demo.py docs/images/demo.jpg [WIDTH]
"""

from __future__ import annotations

import shutil
import sys
import threading
from io import BytesIO

from agekit_demo.server import PageServer
from agekit_demo.site import make_site
from PIL import Image
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> None:
    """Writes the picture to the path on the command line; another width follows it."""
    width = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with PageServer(make_site(None)) as server, sync_playwright() as started:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 640})
        page.goto(server.address)
        page.locator("body[data-ready]").wait_for(state="attached", timeout=60_000)
        page.get_by_text("try a drawn one").click()
        page.get_by_text("Face 3").wait_for(timeout=60_000)
        shown = Image.open(BytesIO(page.screenshot(full_page=True)))
        box = page.locator("footer").bounding_box()
        shown = shown.crop((0, 0, shown.width, int(box["y"]))) if box else shown
        browser.close()
        server.shutdown()
    shown.convert("RGB").save(sys.argv[1], quality=88)


if __name__ == "__main__":
    main()
