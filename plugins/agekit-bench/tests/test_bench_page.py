from __future__ import annotations

import base64
import csv
import io
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser

import numpy as np
import pytest
from agekit_bench.report.build import gather, make_leaderboard
from agekit_bench.report.html import render_page
from agekit_bench.report.views import _plain
from agekit_bench.result import CellError
from agekit_bench.result_files import Speeds
from agekit_testkit.results import draw_faces, write_failure, write_made_result

pytestmark = pytest.mark.slow

FACES = draw_faces(200, people=60)
EVIL = '<script>document.title = "taken"</script><img src=x onerror="document.title = 1">'
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ROWS = {"alpha": (6.0, 1_200_000), "beta": (4.0, 11_000_000), "gamma": (9.0, 40_915)}
RATES = {(f"{row}-resnet10-tiny", 64): years for row, (years, _) in ROWS.items()}
SPEEDS = Speeds("A processor", None, RATES)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A page about three rows, one that failed, and one with a label that means harm."""
    folder = tmp_path_factory.mktemp("site")
    noise = np.random.default_rng(0).normal(0, 1, 200)
    for row, (years, parameters) in ROWS.items():
        for seed in (0, 1):
            guess = FACES.age + years * noise + seed
            write_made_result(
                folder / "made",
                row,
                f"{row}-resnet10-tiny",
                FACES,
                [guess],
                seed=seed,
                parameters=parameters,
                subject_exclusive=False,
                wall_seconds={"train": 100.0, "evaluate": years},
            )
    write_made_result(folder / "made", EVIL, "evil-resnet10-tiny", FACES, [FACES.age + 30 * noise])
    error = CellError(kind="raised", message=f"out of luck {EVIL}")
    write_failure(folder / "made", "delta", "delta-resnet10-tiny", 0, error)
    board = make_leaderboard(gather([folder]), folder, baseline="alpha", speeds=SPEEDS)
    page = folder / "index.html"
    page.write_text(render_page(board), encoding="utf-8")
    return page


class Reader(HTMLParser):
    """What a page links to and names."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.scripts = 0
        self.loaded: list[str] = []

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.scripts += tag == "script"
        if tag == "a":
            self.links.append(values["href"])
        elif values.get("src") or values.get("href"):
            self.loaded.append(values.get("src") or values["href"])
        if "id" in values:
            self.ids.append(values["id"])


@pytest.fixture(scope="module")
def read(site):
    reader = Reader()
    reader.feed(site.read_text(encoding="utf-8"))
    return reader


@pytest.mark.slow
def test_every_link_leads_somewhere(site, read):
    assert len(read.ids) == len(set(read.ids))
    for link in read.links:
        if link.startswith("#"):
            assert link[1:] in read.ids
        elif not link.startswith("data:text/csv"):
            assert (site.parent / link).is_file(), link
    results = {link for link in read.links if link.endswith(".json")}
    assert len(results) == 8


def test_the_table_is_a_file_of_every_figure_without_scripts(read):
    (link,) = (link for link in read.links if link.startswith("data:text/csv"))
    text = base64.b64decode(link.partition("base64,")[2]).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["method"] for row in rows] == ["beta", "alpha", "gamma", EVIL]
    assert [row["seeds"] for row in rows] == ["0 1", "0 1", "0 1", "0"]
    assert rows[0]["parameters"] == "11000000" and rows[1]["to_baseline"] == ""
    parts = [float(rows[0][f"mae/gender/{name}"]) for name in ("female", "male")]
    assert min(parts) < float(rows[0]["mae"]) < max(parts)


def test_no_cell_of_the_file_is_a_formula():
    assert [_plain(text) for text in ("=1+1", "+1", "@a", "a", -1.5, None)] == [
        *("'=1+1", "'+1", "'@a", "a", "-1.5", None)
    ]


@pytest.mark.slow
def test_it_is_self_contained_and_runs_only_its_own_script(site, read):
    text = site.read_text(encoding="utf-8")
    assert read.loaded == ["data:,"]
    assert read.scripts == 1
    assert EVIL not in text
    assert "default-src &#39;none&#39;" in text or "default-src 'none'" in text
    assert not re.search(r"https?://", text)


@pytest.mark.slow
def test_the_same_results_give_the_same_page(site):
    board = make_leaderboard(gather([site.parent]), site.parent, baseline="alpha", speeds=SPEEDS)
    assert render_page(board) == site.read_text(encoding="utf-8")


def test_what_a_reader_has_to_know_is_there(site):
    text = site.read_text(encoding="utf-8")
    for words in (
        "subject overlap: there are people in more than one split",
        "0123456789abcdef",
        "out of luck &lt;script&gt;",
        "A processor (cpu, 1 thread)",
        "torch 2.6.0",
        "1.905",
        "waiting",
        "agekit bench run table2 --root morph=DIR",
        "Challenge-25 for a limit of 18",
        "agekit bench run made --only alpha --protocol synthfaces:default --seeds 0,1",
    ):
        assert words in text, words


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """A real browser, without a window."""
    api = pytest.importorskip("playwright.sync_api")
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, site):
    """Opens the page; what it complains of fails the test."""
    contexts, complaints = [], []

    def start(**options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5_000)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.extend(_outside(request.url)))
        page.goto(site.as_uri())
        return page

    yield start
    for context in contexts:
        context.close()
    assert complaints == []


def _outside(url):
    return [] if url.startswith(("file:", "data:")) else [f"asked for {url}"]


def labels(page):
    names = page.locator("table.rows > tbody > tr > th.name:visible").all_inner_texts()
    return [name.splitlines()[0][:5] for name in names]


def press(page, title):
    page.locator("table").first.get_by_role("button", name=title, exact=True).click()


def test_a_click_on_a_column_sorts_by_it(opened):
    page = opened()
    assert labels(page) == ["beta", "alpha", "gamma", "<scri"]
    press(page, "Parameters")
    assert labels(page) == ["gamma", "alpha", "<scri", "beta"]
    head = page.locator("table").first.locator("th[aria-sort]")
    assert head.get_attribute("aria-sort") == "ascending"
    press(page, "Parameters")
    assert labels(page)[0] == "beta"
    assert head.get_attribute("aria-sort") == "descending"
    press(page, "Method")
    assert labels(page)[1:] == ["alpha", "beta", "gamma"]
    page.locator("table").first.get_by_role("button", name="MAE", exact=True).press("Enter")
    assert labels(page) == ["beta", "alpha", "gamma", "<scri"]


def background(page):
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3]))


def test_dark_follows_the_system_and_the_switch(opened):
    assert background(opened(color_scheme="light")) > 600
    page = opened(color_scheme="dark")
    assert background(page) < 150
    switch = page.locator("#theme")
    assert switch.inner_text() == "Light"
    switch.click()
    assert background(page) > 600
    page.reload()
    assert background(page) > 600
    assert page.locator("#theme").inner_text() == "Dark"


def test_text_is_told_from_its_ground_in_both(opened):
    for scheme in ("light", "dark"):
        page = opened(color_scheme=scheme)
        for place in ("body", ".flags li", ".meta", "td.better", "thead th"):
            assert page.locator(place).first.evaluate(CONTRAST) >= 4.5, (scheme, place)


CONTRAST = """(element) => {
  const light = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((v) => {
      const c = v / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  let ground = element;
  const clear = (e) => getComputedStyle(e).backgroundColor === "rgba(0, 0, 0, 0)";
  while (clear(ground)) ground = ground.parentElement;
  const a = light(getComputedStyle(element).color);
  const b = light(getComputedStyle(ground).backgroundColor);
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


CUT = """() => [...document.querySelectorAll("main *")].filter((element) => {
  const box = element.getBoundingClientRect();
  const clips = getComputedStyle(element).overflowX !== "visible";
  const inner = clips && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
  return box.width > 0 && (inner || box.right > innerWidth + 1 || box.left < -1);
}).map((element) => `${element.tagName} ${element.className}`)"""


def test_nothing_is_cut_at_any_width(opened):
    page = opened()
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    for width in (375, 390, 768, 1000, 1100, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT) == [], width
    page.set_viewport_size({"width": 390, "height": 800})
    cell = page.locator("td[data-c=parameters]").first
    assert "Parameters" in cell.evaluate("(e) => getComputedStyle(e, '::before').content")


def test_it_is_read_without_scripts(opened):
    page = opened(java_script_enabled=False)
    assert labels(page) == ["beta", "alpha", "gamma", "<scri"]
    assert not page.locator("#theme").is_visible() and not page.locator("#tools").is_visible()
    row = page.locator("table.rows > tbody").first
    row.locator("summary").press("Enter")
    assert row.locator("a[href$='seed-1.json']").is_visible()
    shown = row.inner_text()
    for words in ("agekit bench run made --only beta", "By seed", "80+", "female", "18/25"):
        assert words in shown, words


def test_rows_are_searched_for(opened):
    page = opened()
    page.locator("#search").fill("ALPHA resnet10")
    assert labels(page) == ["alpha"]
    assert page.locator("#shown").inner_text() == "1 of 4 rows"
    page.locator("#search").fill("")
    assert len(labels(page)) == 4


def test_columns_are_chosen(opened):
    page = opened()
    head = page.locator("table.rows th[data-c=cs5]")
    assert not head.is_visible()
    page.locator("#columns summary").click()
    page.locator("#columns input[data-c=cs5]").check()
    page.locator("#columns input[data-c=parameters]").uncheck()
    assert head.is_visible() and page.locator("table.rows td[data-c=cs5]").first.is_visible()
    assert not page.locator("table.rows th[data-c=parameters]").is_visible()


def test_the_figures_of_a_part_take_the_place_of_those_of_all(opened):
    page = opened()
    cell = page.locator("table.rows > tbody > tr > td[data-c=mae]").first
    before = cell.inner_text()
    page.locator("#part").select_option("gender female")
    row = page.locator("table.rows > tbody").first
    of_part = row.locator("tr[data-part='gender female'] td[data-c=mae]").text_content()
    assert cell.inner_text() == of_part != before
    assert not page.locator("table.rows th[data-c=rank]").is_visible()
    assert not page.locator("table.rows th[data-c=difference]").is_visible()
    page.locator("#part").select_option("")
    assert cell.inner_text() == before and labels(page)[0] == "beta"
    assert page.locator("table.rows th[data-c=rank]").is_visible()


def test_labels_of_others_run_nothing(opened):
    page = opened()
    page.wait_for_timeout(200)
    assert page.title() == "agekit leaderboard"
    assert page.locator("img").count() == 0


@pytest.mark.slow
def test_plots_lead_to_their_rows(opened):
    page = opened()
    plots = page.locator("figure svg")
    assert plots.count() == 2
    assert plots.first.locator("circle").count() == 3
    assert EVIL in page.locator("p.meta", has_text="Too far off to be drawn").inner_text()
    assert page.locator("table.rows svg.bar").count() == 3
    numbers = [text.split(".")[0] for text in page.locator("ol.key li").all_inner_texts()]
    assert [name.strip() for name in numbers] == ["beta", "alpha", "gamma"]
    plots.first.locator("a text", has_text="1").click()
    first = page.locator("table.rows > tbody").first
    assert page.evaluate("location.hash.slice(1)") == first.get_attribute("id")
    assert first.locator("details").get_attribute("open") is not None


@pytest.mark.slow
def test_a_click_on_a_seed_opens_its_result(opened):
    page = opened()
    page.locator("table.rows > tbody > tr > th.name").first.click()
    page.locator("a.seed").first.click()
    assert '"schema_version"' in page.locator("body").inner_text()
