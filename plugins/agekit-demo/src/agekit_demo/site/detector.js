// MTCNN: faces and five points in each, coarse to fine (agekit.faces.mtcnn.cascade and .detector).

import { area, nms, nmsOfSmaller, shifted, squared } from "./candidates.js";
import { Pyramid, quarterTurned } from "./pyramid.js";
import { round, shrunk } from "./resample.js";
import { isUpright, upright } from "./frame.js";

const THRESHOLDS = [0.6, 0.7, 0.7];
const FACTOR = 0.709;
const WINDOW = 12;
const LARGEST = 1.6;
const STRIDE = 2;
const BORDER = WINDOW / 2;
const REFINEMENTS = 2;
const MIN_FACE = 20;
const MIN_SHARE = 1 / 40;
const SHARPEST = 48;
const SURE = 0.997;
const BATCH = 512;

export class Detector {
  /** Of three functions: floats and their shape to the outputs of pnet, rnet and onet, by name. */
  constructor(networks) {
    this.networks = networks;
  }

  /**
   * The faces of a photo, the largest first, in its own pixels. Where no upright face is surely
   * one, the photo is looked at by quarter turns as well, and the turn with the best face is taken.
   */
  async detect(photo) {
    const face = Math.max(MIN_FACE, Math.min(photo.width, photo.height) * MIN_SHARE);
    const scale = Math.min(1, SHARPEST / face);
    const picture = levelled(photo, scale);
    const back = [photo.width / picture.width, photo.height / picture.height];
    let found = await this.#cascade(new Pyramid(picture), face * scale);
    const first = best(found);
    let most = first === null ? 0 : Math.max(first, SURE);
    for (const turns of first === null || first < SURE ? [1, 2, 3] : []) {
      const turned = await this.#cascade(new Pyramid(quarterTurned(picture, turns)), face * scale);
      const score = best(turned);
      if (score !== null && score > most) {
        most = score;
        found = turned.map((one) => turnedBack(one, turns, picture.width, picture.height));
      }
    }
    for (const one of found) {
      one.box = one.box.map((edge, k) => edge * back[k % 2]);
      one.points = one.points.map(([x, y]) => [x * back[0], y * back[1]]);
    }
    return found.sort((a, b) => area(b.box) - area(a.box));
  }

  async #cascade(pyramid, smallest) {
    const windows = [];
    for (let face = smallest; face <= LARGEST * pyramid.shortSide; face /= FACTOR) {
      windows.push(...(await this.#level(pyramid, WINDOW / face)));
    }
    let found = nms(windows, 0.7);
    for (const one of found) one.box = squared(shifted(one.box, one.shifts));
    const refined = await this.#stage("rnet", pyramid, found.map(around), 24);
    found.forEach((one, k) => Object.assign(one, { score: refined.scores[k] }));
    found = found.filter((one, k) => {
      one.shifts = row(refined.shifts, k, 4);
      return one.score > THRESHOLDS[1];
    });
    found = nms(found, 0.7);
    for (const one of found) one.box = squared(shifted(one.box, one.shifts));
    found = await this.#output(pyramid, found);
    return this.#refined(pyramid, found);
  }

  /** The windows of one level of the pyramid that may show a face. */
  async #level(pyramid, scale) {
    const [picture, stepX, stepY] = pyramid.scaled(scale);
    const { planes, width, height } = bordered(picture);
    const { scores, shifts, shape } = await this.networks.pnet(planes, [1, 3, height, width]);
    const [rows, columns] = shape;
    const windows = [];
    for (let y = 0; y < rows; y++) {
      for (let x = 0; x < columns; x++) {
        const at = y * columns + x;
        if (!(scores[at] > THRESHOLDS[0])) continue;
        const [left, top] = [x * STRIDE - BORDER, y * STRIDE - BORDER];
        windows.push({
          box: [left, top, left + WINDOW, top + WINDOW],
          score: scores[at],
          shifts: [0, 1, 2, 3].map((k) => shifts[k * rows * columns + at]),
        });
      }
    }
    const steps = [stepX, stepY];
    const kept = nms(windows, 0.5);
    for (const one of kept) one.box = one.box.map((edge, k) => edge / steps[k % 2]);
    return kept;
  }

  /** A network over squares of the picture. */
  async #stage(name, pyramid, squares, side) {
    const all = { scores: [], shifts: [], shares: [] };
    for (let start = 0; start < squares.length; start += BATCH) {
      const some = squares.slice(start, start + BATCH);
      const crops = pyramid.crops(some, side);
      const found = await this.networks[name](crops, [some.length, 3, side, side]);
      for (const [key, values] of Object.entries(all)) values.push(...(found[key] ?? []));
    }
    return all;
  }

  async #output(pyramid, found) {
    const { scores, shifts, shares } = await this.#stage("onet", pyramid, found.map(around), 48);
    const faces = found.map(({ box }, k) => ({
      box: shifted(box, row(shifts, k, 4)),
      score: scores[k],
      points: pairs(row(shares, k, 10)).map(([x, y]) => [
        box[0] + x * (box[2] - box[0]),
        box[1] + y * (box[3] - box[1]),
      ]),
    }));
    return nmsOfSmaller(faces.filter((one) => one.score > THRESHOLDS[2]), 0.7);
  }

  /** Shows O-net each face again, turned upright by the points it gave before. */
  async #refined(pyramid, faces) {
    let squares = faces.map((one) => ({ ...around(one), along: upright(one.points) }));
    for (let time = 0; time < REFINEMENTS; time++) {
      const { shifts, shares } = await this.#stage("onet", pyramid, squares, 48);
      faces.forEach((face, k) => {
        const inSquare = pairs(row(shares, k, 10)).map(([x, y]) => [x - 0.5, y - 0.5]);
        face.points = inSquare.map((point) => outward(squares[k], point));
      });
      squares = squares.map((square, k) => moved(square, row(shifts, k, 4), faces[k].points));
    }
    return faces;
  }
}

/** A photo of bytes as floats, -1 to 1, scaled down. */
function levelled(photo, scale) {
  const width = Math.max(1, round(photo.width * scale));
  const height = Math.max(1, round(photo.height * scale));
  const data = new Float32Array(width * height * 3);
  if (width === photo.width && height === photo.height) {
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) data[3 * i + c] = photo.data[i * photo.channels + c];
    }
  } else {
    // To whole numbers, as in Python, where the small picture is one of bytes.
    shrunk(photo, width, height).data.forEach((value, k) => (data[k] = round(value)));
  }
  for (let k = 0; k < data.length; k++) data[k] = (data[k] - 127.5) / 128;
  return { width, height, channels: 3, data };
}

/** A picture with half a window of grey around it, (3, height, width). */
function bordered(picture) {
  const [width, height] = [picture.width + 2 * BORDER, picture.height + 2 * BORDER];
  const planes = new Float32Array(3 * width * height);
  for (let y = 0; y < picture.height; y++) {
    for (let x = 0; x < picture.width; x++) {
      const from = (y * picture.width + x) * 3;
      const to = (y + BORDER) * width + x + BORDER;
      for (let c = 0; c < 3; c++) planes[c * width * height + to] = picture.data[from + c];
    }
  }
  return { planes, width, height };
}

function row(values, k, length) {
  return Array.from(values.slice(k * length, (k + 1) * length));
}

function pairs(values) {
  return values.flatMap((value, k) => (k % 2 ? [] : [[value, values[k + 1]]]));
}

function around({ box }) {
  const [x0, y0, x1, y1] = squared(box);
  return { centre: [(x0 + x1) / 2, (y0 + y1) / 2], side: x1 - x0, along: [1, 0] };
}

/** A point in sides from the centre of a square, in pixels of the picture. */
function outward({ centre, side, along: [right, down] }, [x, y]) {
  return [centre[0] + side * (x * right - y * down), centre[1] + side * (x * down + y * right)];
}

function moved(square, shifts, points) {
  const [x0, y0, x1, y1] = squared([-0.5, -0.5, 0.5, 0.5].map((edge, k) => edge + shifts[k]));
  return {
    centre: outward(square, [(x0 + x1) / 2, (y0 + y1) / 2]),
    side: square.side * (x1 - x0),
    along: upright(points),
  };
}

/** The best score of the upright faces; null where there is none. */
function best(faces) {
  const scores = faces.filter(({ points }) => isUpright(points)).map(({ score }) => score);
  return scores.length ? Math.max(...scores) : null;
}

/** A face of a turned picture where it is in the picture of this size. */
function turnedBack({ box, score, points }, turns, width, height) {
  const back = {
    1: ([x, y]) => [width - y, x],
    2: ([x, y]) => [width - x, height - y],
    3: ([x, y]) => [y, height - x],
  }[turns];
  const [a, b] = [back(box.slice(0, 2)), back(box.slice(2))];
  const low = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
  const high = [Math.max(a[0], b[0]), Math.max(a[1], b[1])];
  return { box: [...low, ...high], score, points: points.map(back) };
}
