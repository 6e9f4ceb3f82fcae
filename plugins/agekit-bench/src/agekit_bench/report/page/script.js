"use strict";
(() => {
  const root = document.documentElement;
  const find = (selector, within = document) => [...within.querySelectorAll(selector)];
  const byId = (id) => document.getElementById(id);
  const create = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  // Colours: the system's, or what was chosen.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const button = byId("theme");
  const kept = (value) => {
    try {
      if (value === undefined) return localStorage.getItem("theme");
      localStorage.setItem("theme", value);
    } catch {
      /* a page from a file may have no storage */
    }
    return null;
  };
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const label = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  const before = kept();
  if (before === "dark" || before === "light") root.dataset.theme = before;
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    kept(root.dataset.theme);
    label();
  });
  dark.addEventListener("change", label);
  label();

  // Sorting: a row is a tbody of the main tables, with its details, and a tr of the others.
  const valueOf = (row, column) => {
    const cell = (row.tagName === "TBODY" ? row.rows[0] : row).cells[column];
    const text = cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v;
    return { number: text === "" ? NaN : Number(text), text, empty: text === "" };
  };
  const compare = (a, b, sign) => {
    if (a.empty || b.empty) return a.empty - b.empty;
    const numbers = !Number.isNaN(a.number) && !Number.isNaN(b.number);
    return sign * (numbers ? a.number - b.number : a.text.localeCompare(b.text));
  };
  const sort = (table, column, sign) => {
    const isMain = table.classList.contains("rows");
    const rows = isMain ? [...table.tBodies] : [...table.tBodies[0].rows];
    const keyed = rows.map((row) => ({ row, key: valueOf(row, column) }));
    keyed.sort((a, b) => compare(a.key, b.key, sign));
    (isMain ? table : table.tBodies[0]).append(...keyed.map((item) => item.row));
  };
  for (const table of find("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const press = create("button", { type: "button" });
      press.append(...[...head.childNodes].filter((node) => node.nodeName !== "SMALL"));
      head.prepend(press);
      press.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        sort(table, column, down ? -1 : 1);
      });
    });
  }

  // A click on a row, or a link to it, opens its details.
  const details = (row) => row.querySelector("details");
  for (const row of find("table.rows > tbody")) {
    row.rows[0].addEventListener("click", (event) => {
      if (event.target.closest("a") || getSelection().toString()) return;
      details(row).open = !details(row).open;
    });
  }
  const follow = () => {
    const row = byId(decodeURIComponent(location.hash.slice(1)));
    if (row && row.tagName === "TBODY") details(row).open = true;
  };
  addEventListener("hashchange", follow);
  follow();
  addEventListener("beforeprint", () => {
    for (const part of find("tbody:target details")) part.open = true;
  });

  const tools = byId("tools");
  if (!tools) return;
  tools.hidden = false;
  tools.addEventListener("submit", (event) => event.preventDefault());

  // Search, and one dataset of several.
  const search = byId("search"), dataset = byId("dataset"), shown = byId("shown");
  const rows = find("table.rows > tbody");
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = dataset ? dataset.value : "";
    for (const section of find("section.table")) {
      section.hidden = wanted !== "" && section.dataset.dataset !== wanted;
    }
    for (const row of rows) row.hidden = !words.every((word) => row.dataset.text.includes(word));
    const left = rows.filter((row) => !row.hidden && !row.closest("section.table").hidden).length;
    shown.textContent = words.length || wanted ? `${left} of ${rows.length} rows` : "";
  };
  search.addEventListener("input", filter);
  if (dataset) dataset.addEventListener("change", filter);

  // Columns, the same choice for every table.
  const ofAll = ["rank", "name"];
  const titles = new Map();
  const chosen = new Set();
  for (const head of find("table.rows thead th")) {
    const key = head.dataset.c;
    if (ofAll.includes(key)) continue;
    if (!titles.has(key)) titles.set(key, head.textContent.trim());
    if (!head.hidden) chosen.add(key);
  }
  // Of a part of the faces only these are known, and they take the place of those of all.
  const part = byId("part");
  const known = new Set(find("table.parts td[data-c]").map((cell) => cell.dataset.c));
  const show = () => {
    const name = part ? part.value : "";
    for (const cell of find("table.rows > thead th, table.rows > tbody > tr:first-child > *")) {
      const key = cell.dataset.c;
      const isOfAll = key === "rank" || key === "difference";
      cell.hidden = isOfAll ? name !== "" || (key !== "rank" && !chosen.has(key))
        : !ofAll.includes(key) && !chosen.has(key);
    }
    for (const cell of find("table.rows > tbody > tr:first-child > td")) {
      if (!known.has(cell.dataset.c)) continue;
      if (!cell.whole) cell.whole = { value: cell.dataset.v, nodes: [...cell.childNodes] };
      const row = cell.closest("tbody");
      const of = name === "" ? null
        : row.querySelector(`tr[data-part="${CSS.escape(name)}"] td[data-c="${cell.dataset.c}"]`);
      cell.dataset.v = name === "" ? cell.whole.value : of ? of.dataset.v : "";
      cell.replaceChildren(...(name === "" ? cell.whole.nodes : [of ? of.textContent : "–"]));
    }
    for (const table of find("table.rows")) {
      const main = [...table.tHead.rows[0].cells].findIndex((head) => known.has(head.dataset.c));
      find("th[aria-sort]", table).forEach((head) => head.removeAttribute("aria-sort"));
      sort(table, name === "" || main < 0 ? 0 : main, 1);
    }
  };
  if (part) part.addEventListener("change", show);
  const list = byId("columns").querySelector("div");
  for (const [key, title] of titles) {
    const box = create("input", { type: "checkbox", checked: chosen.has(key) });
    box.dataset.c = key;
    box.addEventListener("change", () => {
      if (box.checked) chosen.add(key);
      else chosen.delete(key);
      show();
    });
    list.append(create("label", {}, box, ` ${title}`));
  }
})();
