"""The page in a real Chromium, over real files, beside what Python says of them."""

from __future__ import annotations

import shutil
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from urllib.parse import urlsplit

import numpy as np
import pytest
from agekit_ager.engine import AgedChips
from agekit_ager.steering import Steering
from agekit_demo.server import PageServer
from agekit_demo.site import make_site, write_site
from agekit_synthfaces import draw, person
from onnxruntime import InferenceSession
from PIL import Image

import agekit
from agekit.errors import ConfigError
from agekit.plugin import locate

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CAMERA = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
ON_CHIPS = 0.05
ON_PHOTOS = 0.5
"""Years that the page may differ from Python by."""


@pytest.fixture(scope="module")
def site():
    try:
        return make_site(None, "default")
    except ConfigError as error:
        pytest.skip(f"ONNX Runtime Web cannot be had: {error.message}")


@pytest.fixture(scope="module")
def model():
    return agekit.load(device="cpu", runtime="onnx")


def running(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture(scope="module")
def served(site):
    with running(PageServer(site)) as server:
        yield server.address
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    """A real browser, without a window and with a made-up camera."""
    api = pytest.importorskip("playwright.sync_api")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox", *CAMERA])
        yield chromium
        chromium.close()


def open_page(browser, address, **options):
    """The page, ready; what it complains of, and what it asks of others, is kept."""
    context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    context.on("request", lambda request: page.complaints.extend(outside(request.url, address)))
    page.goto(address)
    page.locator("body[data-ready]").wait_for(state="attached")
    return page


def outside(url, address):
    parts = urlsplit(url)
    at_home = parts.scheme in ("blob", "data") or parts.netloc == urlsplit(address).netloc
    return [] if at_home else [f"asked for {url}"]


@pytest.fixture(scope="module")
def shared(browser, served):
    page = open_page(browser, served)
    yield page
    assert page.complaints == []
    page.context.close()


@pytest.fixture
def page(shared):
    shared.locator("#whole").uncheck()
    return shared


def answered(page):
    """The ages on the page, once it has answered."""
    page.locator("#status:not(.busy)").wait_for()
    return [float(one.get_attribute("value")) for one in page.locator("#faces:visible data").all()]


def ages(page, path):
    page.set_input_files("#file", path)
    return answered(page)


def said(page, path):
    assert ages(page, path) == []
    return page.locator("#status.bad").inner_text()


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """A photo of three drawn people."""
    folder = tmp_path_factory.mktemp("group")
    people = [(3, 9), (7, 36), (12, 72)]
    faces = [draw(person(1, index), age, 240) for index, age in people]
    Image.fromarray(np.hstack(faces)).save(folder / "group.png")
    return folder / "group.png"


@pytest.mark.parametrize("size", [(112, 112), (64, 64), (301, 240), (500, 500)])
def test_chips_have_the_ages_of_python(page, model, tmp_path, size):
    face = Image.fromarray(draw(person(0, 5), 50, max(size)))
    face.crop((0, 0, *size)).save(tmp_path / "chip.png")
    page.locator("#whole").check()
    found = ages(page, tmp_path / "chip.png")
    [told] = model.predict(tmp_path / "chip.png", detect=False)
    assert found == pytest.approx([face.age for face in told.faces], abs=ON_CHIPS)
    words = page.locator("#status").inner_text()
    assert ("301 × 240" if size[0] == 301 else "was not looked at") in words


def turned(image, path):
    image.rotate(90, expand=True).save(path)


def lying(image, path):
    """Stored on its side, with the word of how to turn it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    image.rotate(90, expand=True).save(path, exif=exif, quality=95)


def see_through(image, path):
    image = image.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path)


def large(image, path):
    """Of 12 megapixels, the faces a part of it."""
    whole = Image.new("RGB", (4000, 3000), (120, 140, 160))
    whole.paste(image.resize((2400, 800)), (700, 1300))
    whole.save(path, quality=90)


def grey(image, path):
    image.convert("L").save(path)


def edge(image, path):
    """The first face cut by the left edge, and all of them small."""
    image.crop((100, 30, 720, 240)).resize((310, 105)).save(path)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (Image.Image.save, "photo.png"),
        (Image.Image.save, "photo.jpg"),
        (turned, "side.png"),
        (lying, "exif.jpg"),
        (see_through, "alpha.png"),
        (large, "large.jpg"),
        (grey, "grey.jpg"),
        (edge, "edge.webp"),
    ],
)
def test_photos_have_the_faces_and_ages_of_python(page, model, group, tmp_path, change, name):
    change(Image.open(group), tmp_path / name)
    found = ages(page, tmp_path / name)
    [told] = model.predict(tmp_path / name)
    assert told.faces
    assert found == pytest.approx([face.age for face in told.faces], abs=ON_PHOTOS)
    doubts = page.locator("#faces .doubt").count()
    assert doubts == sum(not face.upright for face in told.faces)


def test_faces_are_numbered_in_picture_and_text(page, group):
    ages(page, group)
    assert page.locator("#faces .who").all_inner_texts() == ["Face 1", "Face 2", "Face 3"]
    assert "3 faces" in page.locator("#picture").get_attribute("aria-label")
    assert page.locator("#status").inner_text() == "3 faces, the largest first"
    marked = page.locator("#picture").evaluate(MARKED)
    assert marked > 500
    assert page.locator("#faces svg[aria-label*='likeliest']").count() == 3


MARKED = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let k = 0; k < data.length; k += 4)
    count += data[k] === 255 && data[k + 1] === 211 && data[k + 2] === 77;
  return count;
}"""


def pixels(canvas):
    """(H, W, 3) of a canvas."""
    size, data = canvas.evaluate(
        """(one) => [[one.height, one.width],
          [...one.getContext("2d").getImageData(0, 0, one.width, one.height).data]]"""
    )
    return np.array(data, np.uint8).reshape(*size, 4)[..., :3]


def test_faces_are_made_older_and_younger_as_python_makes_them(page, group):
    now = ages(page, group)
    page.get_by_role("button", name="Face 3: make it older and younger").focus()
    page.keyboard.press("Enter")
    first = page.locator("#faces li").nth(2)
    first.locator(".slide").wait_for()
    strip = first.locator(".strip button")
    assert strip.all_inner_texts() == ["10", "30", "50", "70"]
    assert strip.nth(3).evaluate("(one) => one === document.activeElement")
    before, after = (pixels(one) for one in first.locator(".compare canvas").all())
    session = InferenceSession(locate("prototypes") / "model.onnx")
    told = float(strip.nth(3).get_attribute("data-told"))
    wish = {"age": np.float32([now[2]]), "to": np.float32([told])}
    made = session.run(["aged"], {"pixels": before[None], **wish})[0][0]
    assert np.abs(made.astype(int) - after).max() <= 1
    assert np.abs(before.astype(int) - after).mean() > 1
    page.keyboard.press("Tab")
    page.keyboard.press("End")
    assert (
        first.locator(".compare").evaluate("(one) => one.style.getPropertyValue('--at')") == "100%"
    )
    strip.nth(0).click()
    assert "Made 10 by prototypes; sord-lite0 takes it for" in first.locator(".told").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


STEERED = """async ([wishes, ages, rules]) => {
  const { aged } = await import("./aging.js");
  const looks = async (age) => 12 + 0.6 * age;
  const make = async (chip, now, told) => told;
  const told = async ([now, to]) => {
    const before = await looks(now);
    return (await aged({ make, seen: looks, chip: now, now, before, to, ages, rules })).told;
  };
  return Promise.all(wishes.map(told));
}"""


class Flat:
    """Sees three fifths of every change of age."""

    def predict(self, chips):
        return SimpleNamespace(age=12 + 0.6 * chips[:, 0].astype(np.float32))


def test_ages_are_corrected_as_python_corrects_them(page):
    wishes = [(40, to) for to in (5, 14, 15, 18, 20, 25, 45, 70, 84)] + [(17, 16), (70, 30)]
    now, wanted = np.float32(wishes).T
    steering = Steering(Flat(), (1, 85))

    def run(chips, now, to):
        return AgedChips(to[:, None].copy(), None)

    told = steering(run, now[:, None], now, wanted)[1]
    found = page.evaluate(STEERED, [wishes, [1, 85], Steering.rules])
    assert found == pytest.approx(told.tolist(), abs=0.6)  # Python shows whole pixels
    assert min(told[3:7]) >= 18 and told[0] < 5


def test_a_photo_without_a_face_says_so(page, tmp_path):
    Image.linear_gradient("L").convert("RGB").save(tmp_path / "empty.png")
    assert said(page, tmp_path / "empty.png") == "No face was found in this picture."
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    assert "No face" in said(page, tmp_path / "dot.png")


def test_broken_files_are_told_and_the_next_is_answered(page, group, tmp_path):
    jpeg = tmp_path / "photo.jpg"
    Image.open(group).save(jpeg, quality=95)
    Image.open(group).save(tmp_path / "photo.webp")
    for whole in (group, jpeg, tmp_path / "photo.webp"):
        cut = tmp_path / f"cut{whole.suffix}"
        cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
        assert "its end is missing" in said(page, cut) or "cannot be read" in said(page, cut)
    (tmp_path / "words.png").write_text("no image at all, but words")
    assert "words.png cannot be read" in said(page, tmp_path / "words.png")
    (tmp_path / "nothing.jpg").touch()
    assert said(page, tmp_path / "nothing.jpg") == "nothing.jpg is empty."
    (tmp_path / "notes.txt").write_text("notes")
    assert said(page, tmp_path / "notes.txt") == "That is no image."
    assert len(ages(page, group)) == 3


def test_a_thumbnail_has_an_end_of_its_own(page, group, tmp_path):
    """The small copy in a photo's header must not stand for the end that is missing."""
    image = Image.open(group)
    image.resize((90, 30)).save(tmp_path / "small.jpg")
    small = (tmp_path / "small.jpg").read_bytes()
    image.save(tmp_path / "photo.jpg", quality=95)
    whole = (tmp_path / "photo.jpg").read_bytes()
    header = b"\xff\xe3" + (len(small) + 2).to_bytes(2, "big") + small
    whole = whole[:2] + header + whole[2:]
    (tmp_path / "whole.jpg").write_bytes(whole)
    assert len(ages(page, tmp_path / "whole.jpg")) == 3
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    assert "its end is missing" in said(page, tmp_path / "cut.jpg")


def test_too_many_pixels_are_refused(page, tmp_path):
    Image.new("1", (8001, 8000)).save(tmp_path / "huge.png")
    assert "8001 × 8000 pixels; 64 million are the most" in said(page, tmp_path / "huge.png")


def test_several_files_at_once_are_told(page, group, tmp_path):
    Image.open(group).crop((0, 0, 240, 240)).save(tmp_path / "one.jpg")
    page.evaluate(DROP, [list((tmp_path / "one.jpg").read_bytes()), 3])
    assert len(answered(page)) == 1
    assert page.locator("#status").inner_text() == "One picture at a time: 2 left out. 1 face"


DROP = """([bytes, count]) => {
  const transfer = new DataTransfer();
  for (let k = 0; k < count; k++)
    transfer.items.add(new File([new Uint8Array(bytes)], `${k}.png`, { type: "image/png" }));
  dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));
}"""


def test_the_camera_is_looked_through(page):
    page.get_by_role("button", name="use the camera").click()
    page.get_by_role("button", name="take the picture").click()
    answered(page)
    assert not page.locator("#video").is_visible()
    assert page.locator("#video").evaluate("(video) => video.srcObject === null")
    assert "No face" in page.locator("#status").inner_text()


def test_the_keyboard_alone_will_do(page):
    page.locator("#file").focus()
    for name in ("camera", "example", "whole"):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == name
    page.keyboard.press("Space")
    assert page.locator("#whole").is_checked()
    page.locator("#example").focus()
    page.keyboard.press("Enter")
    assert len(answered(page)) == 3
    assert page.evaluate("document.activeElement.id") == "answer"
    unnamed = "document.querySelectorAll('button:empty, [role=img]:not([aria-label])').length"
    assert page.evaluate(unnamed) == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_does_not_scroll_sideways(page, group, scheme):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=scheme)
    assert len(ages(page, group)) == 3
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert all(one.bounding_box()["width"] <= 358 for one in page.locator("main > :visible").all())
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(18, 21, 28)") == (scheme == "dark")


def test_nothing_can_leave(page):
    """The policy holds in the page and in its worker: another server hears of nothing."""
    heard = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.path)

    call = """(address) => fetch(address, { mode: "no-cors" }).then(() => "sent", () => "held")"""
    with running(ThreadingHTTPServer(("127.0.0.1", 0), Listener)) as other:
        address = f"http://127.0.0.1:{other.server_port}/photo"
        for place in (page, page.workers[0]):
            assert place.evaluate(call, address) == "held"
        other.shutdown()
    assert heard == []
    told = [one for one in page.complaints if "Content Security Policy" in one]
    page.complaints[:] = [one for one in page.complaints if address not in one]
    assert told


@pytest.mark.heavy
def test_any_static_server_will_do(browser, site, group, tmp_path):
    """As a static Space is: no header of ours, so not isolated, and in one thread."""
    write_site(site, tmp_path / "site")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = partial(Quiet, directory=tmp_path / "site")
    with running(ThreadingHTTPServer(("127.0.0.1", 0), handler)) as server:
        page = open_page(browser, f"http://127.0.0.1:{server.server_port}/")
        assert not page.evaluate("crossOriginIsolated")
        assert len(ages(page, group)) == 3
        assert page.complaints == []
        page.context.close()
        server.shutdown()
