// Faces cut out so that their five points lie as a model knows them (agekit.faces.align).

import { resized, round, turnedSquare } from "./resample.js";

const ARCFACE = [
  [38.2946, 51.6963],
  [73.5318, 51.5014],
  [56.0252, 71.7366],
  [41.5493, 92.3655],
  [70.7299, 92.2041],
];
const REACH = 4;

/** The direction to the right in a face, by the line of its eyes and that down its middle. */
export function upright([left, right, , mouthLeft, mouthRight]) {
  const down = [0, 1].map((k) => (mouthLeft[k] + mouthRight[k] - left[k] - right[k]) / 2);
  const along = [right[0] - left[0] + down[1], right[1] - left[1] - down[0]];
  const length = Math.max(Math.hypot(...along), 1e-12);
  return along.map((value) => value / length);
}

/** Whether a face is within 45 degrees of upright; false of what makes no face. */
export function isUpright(points) {
  const there = similarity(points, ARCFACE);
  return there !== null && Math.abs(there.down) <= there.right;
}

function mean(points, k) {
  return points.reduce((sum, point) => sum + point[k], 0) / points.length;
}

/**
 * The rotation, scale and shift that bring points closest to others (Umeyama 1991), as complex
 * numbers right + i·down and x + i·y; null where the points make no face.
 */
function similarity(points, target) {
  const [px, py, tx, ty] = [mean(points, 0), mean(points, 1), mean(target, 0), mean(target, 1)];
  let spread = 0, real = 0, imaginary = 0;
  points.forEach(([x, y], k) => {
    const [a, b, c, d] = [x - px, y - py, target[k][0] - tx, target[k][1] - ty];
    spread += a * a + b * b;
    real += a * c + b * d;
    imaginary += a * d - b * c;
  });
  if (!(spread > 0 && Math.hypot(real, imaginary) > 1e-9 * spread)) return null;
  const [right, down] = [real / spread, imaginary / spread];
  return { right, down, x: tx - right * px + down * py, y: ty - down * px - right * py };
}

/**
 * A face of a photo as a chip of `size` pixels whose points lie on `target`, shares of its side;
 * null where its points make no face, or lie outside of the photo.
 */
export function cut(photo, points, target, size) {
  const bounds = [photo.width, photo.height];
  const there = similarity(points, target.map(([x, y]) => [x * size, y * size]));
  const outside = bounds.some((most, k) => mean(points, k) < 0 || mean(points, k) > most);
  if (there === null || outside) return null;
  const length = Math.hypot(there.right, there.down);
  const [a, b] = [there.right / length ** 2, there.down / length ** 2];
  // From the chip back to the photo: u = a·x + b·y + left, v = -b·x + a·y + top.
  const left = -(a * there.x + b * there.y);
  const top = b * there.x - a * there.y;
  const shrink = Math.min(1, length);
  const corners = [[0, 0], [0, size], [size, 0], [size, size]];
  const across = [
    corners.map(([x, y]) => a * x + b * y + left),
    corners.map(([x, y]) => -b * x + a * y + top),
  ];
  const wanted = across.map((ends) => [
    Math.min(...ends) - REACH / shrink,
    Math.max(...ends) + REACH / shrink,
  ]);
  const low = wanted.map(([start], k) => clip(Math.floor(start), 0, bounds[k] - 1));
  const high = wanted.map(([, end], k) => clip(Math.ceil(end), low[k] + 1, bounds[k]));
  const sides = low.map((start, k) => high[k] - start);
  const small = sides.map((side) => (shrink < 1 ? Math.max(1, round(side * shrink)) : side));
  let part = cropped(photo, low, sides);
  if (shrink < 1) part = resized(part, ...small);
  const scale = small.map((side, k) => side / sides[k]);
  const missing = (share, k) => Math.max(Math.ceil(share * scale[k]), 0);
  const before = wanted.map(([start], k) => missing(low[k] - start, k));
  const after = wanted.map(([, end], k) => missing(end - high[k], k));
  if ([...before, ...after].some((width) => width > 0)) part = mirrored(part, before, after);
  const matrix = [
    a * scale[0], b * scale[0], (left - low[0]) * scale[0] + before[0],
    -b * scale[1], a * scale[1], (top - low[1]) * scale[1] + before[1],
  ];
  return turnedSquare(part, matrix, size);
}

/** The middle square of a picture that is a face already, scaled to `size` pixels. */
export function middle(photo, size) {
  const side = Math.min(photo.width, photo.height);
  const [left, top] = [(photo.width - side) / 2, (photo.height - side) / 2];
  if (photo.width === size && photo.height === size) return cropped(photo, [0, 0], [size, size]);
  return resized(photo, size, size, [left, top, left + side, top + side]);
}

function clip(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

function cropped(photo, [left, top], [width, height]) {
  return filled(width, height, photo, (x) => x + left, (y) => y + top);
}

/** A picture with its mirror image beyond its edges. */
function mirrored(picture, before, after) {
  const reflect = (most, shift) => (at) => {
    const place = (((at - shift) % (2 * most)) + 2 * most) % (2 * most);
    return place < most ? place : 2 * most - 1 - place;
  };
  const width = picture.width + before[0] + after[0];
  const height = picture.height + before[1] + after[1];
  const [x, y] = [reflect(picture.width, before[0]), reflect(picture.height, before[1])];
  return filled(width, height, picture, x, y);
}

/** A picture of bytes, RGB, each pixel taken from where two functions say. */
function filled(width, height, from, column, row) {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const start = row(y) * from.width;
    for (let x = 0; x < width; x++) {
      const at = (start + column(x)) * from.channels;
      const to = (y * width + x) * 3;
      for (let c = 0; c < 3; c++) data[to + c] = from.data[at + c];
    }
  }
  return { width, height, channels: 3, data };
}
