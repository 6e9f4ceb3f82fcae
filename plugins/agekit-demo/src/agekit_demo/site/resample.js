// Pictures at other sizes and turns, as OpenCV and Pillow compute them for agekit in Python.
// A picture is {width, height, channels, data}, row by row, its first three channels RGB.

/** Rounds to the nearest whole number, halves to even, as Python does. */
export function round(value) {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest === 0.5) return low % 2 ? low + 1 : low;
  return rest < 0.5 ? low : low + 1;
}

/**
 * The pixels of a side that each pixel of a shorter side covers, and by which share: those of pixel
 * i are at `starts[i]` to `starts[i + 1]`.
 */
function covered(from, to) {
  const scale = from / to;
  const [starts, places, shares] = [[], [], []];
  for (let i = 0; i < to; i++) {
    starts.push(places.length);
    const low = i * scale;
    const high = Math.min(low + scale, from);
    for (let at = Math.floor(low); at < high; at++) {
      const share = Math.min(at + 1, high) - Math.max(at, low);
      if (share <= 1e-3) continue;
      places.push(at);
      shares.push(share / (high - low));
    }
  }
  starts.push(places.length);
  return {
    starts: Int32Array.from(starts),
    places: Int32Array.from(places),
    shares: Float64Array.from(shares),
  };
}

/** A picture made smaller, each pixel the mean of those it covers (cv2.INTER_AREA); floats, RGB. */
export function shrunk(picture, width, height) {
  const across = covered(picture.width, width);
  const down = covered(picture.height, height);
  const out = new Float32Array(width * height * 3);
  const line = new Float32Array(width * 3);
  let ready = -1;
  for (let y = 0; y < height; y++) {
    const to = y * width * 3;
    for (let k = down.starts[y]; k < down.starts[y + 1]; k++) {
      // A row that two rows of the result share is made narrower once.
      if (down.places[k] !== ready) narrow(picture, down.places[k], across, line);
      ready = down.places[k];
      const share = down.shares[k];
      for (let i = 0; i < line.length; i++) out[to + i] += share * line[i];
    }
  }
  return { width, height, channels: 3, data: out };
}

function narrow({ width, channels, data }, row, { starts, places, shares }, line) {
  for (let x = 0; x < starts.length - 1; x++) {
    let red = 0, green = 0, blue = 0;
    for (let k = starts[x]; k < starts[x + 1]; k++) {
      const at = (row * width + places[k]) * channels;
      red += shares[k] * data[at];
      green += shares[k] * data[at + 1];
      blue += shares[k] * data[at + 2];
    }
    line[3 * x] = red;
    line[3 * x + 1] = green;
    line[3 * x + 2] = blue;
  }
}

function cubic(x) {
  const d = Math.abs(x);
  if (d < 1) return (1.5 * d - 2.5) * d * d + 1;
  return d < 2 ? ((-0.5 * d + 2.5) * d - 4) * d + 2 : 0;
}

const FIXED = 2 ** 22;

/** Pillow's weights of a side of `to` pixels made from those between `low` and `high`. */
function weights(from, to, low, high) {
  const scale = (high - low) / to;
  const wide = Math.max(scale, 1);
  return Array.from({ length: to }, (_, i) => {
    const centre = low + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - 2 * wide + 0.5));
    const end = Math.min(from, Math.trunc(centre + 2 * wide + 0.5));
    const raw = [];
    for (let at = first; at < end; at++) raw.push(cubic((at - centre + 0.5) / wide));
    const sum = raw.reduce((a, b) => a + b, 0);
    const fixed = raw.map((w) => Math.trunc((w / sum) * FIXED + (w < 0 ? -0.5 : 0.5)));
    return { first, fixed };
  });
}

function byte(value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/** Pillow's bicubic resize of a part [x0, y0, x1, y1] of a picture, antialiased; bytes, RGB. */
export function resized(picture, width, height, box = [0, 0, picture.width, picture.height]) {
  const across = weights(picture.width, width, box[0], box[2]);
  const down = weights(picture.height, height, box[1], box[3]);
  const top = down[0].first;
  const last = down[height - 1];
  const rows = last.first + last.fixed.length - top;
  const middle = new Uint8Array(rows * width * 3);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < width; x++) {
      const { first, fixed } = across[x];
      for (let c = 0; c < 3; c++) {
        let sum = FIXED / 2;
        let at = ((y + top) * picture.width + first) * picture.channels + c;
        for (const weight of fixed) {
          sum += weight * picture.data[at];
          at += picture.channels;
        }
        middle[(y * width + x) * 3 + c] = byte(Math.floor(sum / FIXED));
      }
    }
  }
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    const { first, fixed } = down[y];
    for (let k = 0; k < width * 3; k++) {
      let sum = FIXED / 2;
      let at = (first - top) * width * 3 + k;
      for (const weight of fixed) {
        sum += weight * middle[at];
        at += width * 3;
      }
      data[y * width * 3 + k] = byte(Math.floor(sum / FIXED));
    }
  }
  return { width, height, channels: 3, data };
}

function between(a, b, c, d, share) {
  const second = 2 * (a - b) + c - d;
  return b + share * (c - a + share * (second + share * (b - a + d - c)));
}

/** Pillow's bicubic transform to a square: x, y of the result → m·(x, y, 1) of the picture. */
export function turnedSquare(picture, [a, b, c, d, e, f], side) {
  const { width, height, channels, data } = picture;
  const out = new Uint8Array(side * side * 3);
  const inside = (value, most) => Math.min(Math.max(value, 0), most - 1);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const u = a * (column + 0.5) + b * (row + 0.5) + c;
      const v = d * (column + 0.5) + e * (row + 0.5) + f;
      if (u < 0 || u >= width || v < 0 || v >= height) continue;
      const x = Math.floor(u - 0.5);
      const y = Math.floor(v - 0.5);
      const columns = [-1, 0, 1, 2].map((k) => inside(x + k, width) * channels);
      const rows = [-1, 0, 1, 2].map((k) => inside(y + k, height) * width * channels);
      for (let k = 0; k < 3; k++) {
        const lines = rows.map((start) =>
          between(...columns.map((at) => data[start + at + k]), u - 0.5 - x));
        out[(row * side + column) * 3 + k] = byte(Math.trunc(between(...lines, v - 0.5 - y)));
      }
    }
  }
  return { width: side, height: side, channels: 3, data: out };
}
