// Answers as people see them: the picture with its faces numbered, and a card for each of them.

const SVG = "http://www.w3.org/2000/svg";
const MOST_SIDE = 1600;
const [WIDTH, HEIGHT, FOOT] = [260, 76, 18];
const MARK = "#ffd34d";
const DARK = "#10151f";

export function made(name, properties = {}, ...inside) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...inside);
  return element;
}

function drawn(name, attributes, text = "") {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

/** Draws a picture, its faces in numbered boxes. */
export function drawPicture(canvas, bitmap, faces) {
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  const pen = canvas.getContext("2d");
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  const boxed = faces.flatMap(({ box }, k) => (box ? [{ k, box: box.map((e) => e * scale) }] : []));
  // About two pixels on the screen, where a large picture is shown smaller.
  const thick = Math.max(2, canvas.width / 300, canvas.height / 400);
  for (const { box: [x0, y0, x1, y1] } of boxed) {
    for (const [width, colour] of [[2 * thick, DARK], [thick, MARK]]) {
      pen.lineWidth = width;
      pen.strokeStyle = colour;
      pen.strokeRect(x0, y0, x1 - x0, y1 - y0);
    }
  }
  // Above a box, where it covers no face of it; within the picture in any case.
  const side = 10 * thick;
  pen.font = `700 ${0.72 * side}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const { k, box: [x0, y0] } of boxed) {
    const text = String(k + 1);
    const width = Math.max(side, pen.measureText(text).width + 0.6 * side);
    const left = Math.min(Math.max(x0 - thick, 0), canvas.width - width);
    const top = Math.max(y0 - side, 0);
    pen.fillStyle = MARK;
    pen.fillRect(left, top, width, side);
    pen.fillStyle = DARK;
    pen.fillText(text, left + width / 2, top + side / 2);
  }
}

/** The distribution over the ages, its interval and its age. */
function chart({ age, low, high, p }, [first, last]) {
  const x = (years) => ((years - first + 0.5) / (last - first + 1)) * WIDTH;
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT + FOOT}`, role: "img" });
  const most = p ? p.indexOf(Math.max(...p)) + first : null;
  svg.setAttribute(
    "aria-label",
    `How likely each age is, from ${first} to ${last}` + (p ? `; ${most} is the likeliest` : ""),
  );
  const [left, right] = [Math.max(x(low), 0), Math.min(x(high), WIDTH)];
  svg.append(drawn("rect", { class: "band", x: left, y: 0, width: right - left, height: HEIGHT }));
  const tallest = p ? Math.max(...p) : 1;
  p?.forEach((share, k) => {
    const height = (share / tallest) * (HEIGHT - 6);
    const place = { x: x(first + k - 0.4), y: HEIGHT - height, width: x(0.8) - x(0), height };
    svg.append(drawn("rect", { class: "bar", ...place }));
  });
  svg.append(
    drawn("line", { class: "mark", x1: x(age), x2: x(age), y1: 0, y2: HEIGHT }),
    drawn("line", { class: "line", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }),
  );
  const even = Array.from({ length: 10 }, (_, k) => 20 * k);
  for (const years of [first, ...even.filter((y) => y > first + 8 && y <= last)]) {
    const at = Math.min(Math.max(x(years), 4), WIDTH - 10);
    svg.append(drawn("text", { x: at, y: HEIGHT + 14 }, String(years)));
  }
  return svg;
}

/** A face as a model was shown it, or made it. */
export function shown(chip) {
  const canvas = made("canvas", { width: chip.width, height: chip.height });
  canvas.setAttribute("aria-hidden", "true");
  const rgba = new Uint8ClampedArray(chip.width * chip.height * 4).fill(255);
  for (let k = 0; k < chip.width * chip.height; k++) {
    for (let c = 0; c < 3; c++) rgba[4 * k + c] = chip.data[3 * k + c];
  }
  canvas.getContext("2d").putImageData(new ImageData(rgba, chip.width, chip.height), 0, 0);
  return canvas;
}

/** What is said of a face. */
export function card(face, number, model) {
  const { age, low, high } = face;
  const years = made("data", { value: String(age), textContent: age.toFixed(1) });
  const said = made(
    "div",
    { className: "said" },
    shown(face.chip),
    made("p", { className: "who", textContent: `Face ${number}` }),
    made("p", { className: "age" }, years, made("small", { textContent: " years" })),
    made("p", {
      className: "sure",
      textContent: `between ${low.toFixed(0)} and ${high.toFixed(0)}`,
    }),
  );
  const both = made("div", { className: "card" }, said);
  if (model.ages) both.append(chart(face, model.ages));
  const item = made("li", {}, both);
  if (face.upright === false) {
    item.append(made("p", {
      className: "doubt",
      textContent: "This face is not upright in the photo: the model has seen few such.",
    }));
  }
  return item;
}
