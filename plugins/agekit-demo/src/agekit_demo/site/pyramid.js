// A picture at many sizes, and squares of any size and turn out of it (agekit.faces.mtcnn.pyramid).

import { round, shrunk } from "./resample.js";

/** A picture of floats turned by quarters against the clock. */
export function quarterTurned(picture, turns) {
  const { width, height, data } = picture;
  const [w, h] = turns % 2 ? [height, width] : [width, height];
  const out = new Float32Array(data.length);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [u, v] = turns === 1 ? [width - 1 - y, x]
        : turns === 2 ? [width - 1 - x, height - 1 - y] : [y, height - 1 - x];
      for (let c = 0; c < 3; c++) out[(y * w + x) * 3 + c] = data[(v * width + u) * 3 + c];
    }
  }
  return { width: w, height: h, channels: 3, data: out };
}

function halved({ width, height, data }) {
  const [w, h] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const out = new Float32Array(w * h * 3);
  for (let y = 0; y < h; y++) {
    const rows = [2 * y * width, Math.min(2 * y + 1, height - 1) * width];
    for (let x = 0; x < w; x++) {
      const [left, right] = [2 * x, Math.min(2 * x + 1, width - 1)];
      for (let c = 0; c < 3; c++) {
        const [a, b] = rows.map((row) => data[(row + left) * 3 + c] + data[(row + right) * 3 + c]);
        out[(y * w + x) * 3 + c] = (a + b) / 4;
      }
    }
  }
  return { width: w, height: h, channels: 3, data: out };
}

export class Pyramid {
  /** Of a picture of floats, -1 to 1; what lies outside of it is grey, 0. */
  constructor(picture, smallest = 12) {
    this.halvings = [picture];
    for (let top = picture; Math.min(top.width, top.height) >= 2 * smallest;) {
      top = halved(top);
      this.halvings.push(top);
    }
  }

  get shortSide() {
    return Math.min(this.halvings[0].width, this.halvings[0].height);
  }

  /** The picture at about this scale, and the exact scales along x and y. */
  scaled(scale) {
    const level = Math.min(Math.max(0, Math.floor(-Math.log2(scale))), this.halvings.length - 1);
    const source = this.halvings[level];
    const step = 2 ** level;
    const width = Math.max(1, round(source.width * step * scale));
    const height = Math.max(1, round(source.height * step * scale));
    const same = width === source.width && height === source.height;
    return [
      same ? source : shrunk(source, width, height),
      width / (source.width * step),
      height / (source.height * step),
    ];
  }

  /** Squares {centre, side, along} scaled to `side` pixels, (N, 3, side, side). */
  crops(squares, side) {
    const out = new Float32Array(squares.length * 3 * side * side);
    squares.forEach((square, k) => {
      const level = Math.floor(Math.log2(Math.max(square.side, 1) / side));
      const at = Math.min(Math.max(level, 0), this.halvings.length - 1);
      this.#cut(this.halvings[at], square, 0.5 ** at, side, out, k * 3 * side * side);
    });
    return out;
  }

  /** One square, each of its pixels the mean of four samples. */
  #cut(source, square, scale, side, out, start) {
    const step = (square.side * scale) / (2 * side);
    const [right, down] = [square.along[0] * step, square.along[1] * step];
    const away = 0.5 - side;
    const left = square.centre[0] * scale - 0.5 + (right - down) * away;
    const top = square.centre[1] * scale - 0.5 + (down + right) * away;
    for (let y = 0; y < 2 * side; y++) {
      for (let x = 0; x < 2 * side; x++) {
        const to = start + (y >> 1) * side + (x >> 1);
        addSample(source, left + right * x - down * y, top + down * x + right * y, out, to, side);
      }
    }
  }
}

/** Adds a quarter of the picture's colour between four pixels to a pixel of a crop. */
function addSample({ width, height, data }, u, v, out, to, side) {
  const x = Math.floor(u);
  const y = Math.floor(v);
  for (const [row, share] of [[y, y + 1 - v], [y + 1, v - y]]) {
    if (row < 0 || row >= height) continue;
    for (const [column, part] of [[x, x + 1 - u], [x + 1, u - x]]) {
      if (column < 0 || column >= width) continue;
      const at = (row * width + column) * 3;
      const weight = share * part * 0.25;
      for (let c = 0; c < 3; c++) out[to + c * side * side] += weight * data[at + c];
    }
  }
}
