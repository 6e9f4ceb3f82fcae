// The work beside the page, so that it stays at hand: an image in, its faces and their ages out.

import { Detector } from "./detector.js";
import { cut, isUpright, middle } from "./frame.js";
import { detectorNetworks, estimator } from "./networks.js";

const BATCH = 16;

let ready = null;

async function start() {
  const answer = await fetch(new URL("model.json", import.meta.url));
  if (!answer.ok) throw new Error(`model.json cannot be read: ${answer.status}`);
  const model = await answer.json();
  const [estimate, networks] = await Promise.all([
    estimator(model.file, model.size),
    model.target ? detectorNetworks() : null,
  ]);
  return { model, estimate, detector: networks && new Detector(networks) };
}

/** The pixels of an image; what is transparent lies on white. */
function pixels(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  const pen = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  pen.fillStyle = "white";
  pen.fillRect(0, 0, image.width, image.height);
  pen.drawImage(image, 0, 0);
  image.close();
  const { data, width, height } = pen.getImageData(0, 0, canvas.width, canvas.height);
  return { data, width, height, channels: 4 };
}

function within(box, photo) {
  const most = [photo.width, photo.height];
  return box.map((edge, k) => Math.min(Math.max(edge, 0), most[k % 2]));
}

/** The faces of a photo, the largest first, each with its chip. */
async function found(photo, { model, detector }) {
  const faces = [];
  for (const { box, score, points } of await detector.detect(photo)) {
    const chip = cut(photo, points, model.target, model.size);
    if (chip) faces.push({ box: within(box, photo), score, upright: isUpright(points), chip });
  }
  return faces;
}

async function look(image, whole) {
  const { model, estimate, detector } = await ready;
  const photo = pixels(image);
  const faces = whole || !detector
    ? [{ box: null, score: null, upright: null, chip: middle(photo, model.size) }]
    : await found(photo, { model, detector });
  for (let k = 0; k < faces.length; k += BATCH) {
    const some = faces.slice(k, k + BATCH);
    const ages = await estimate(some.map(({ chip }) => chip));
    some.forEach((face, i) => Object.assign(face, ages[i]));
  }
  return { faces, width: photo.width, height: photo.height };
}

const CALLS = {
  async start() {
    ready = start();
    return (await ready).model;
  },
  look: ({ image, whole }) => look(image, whole),
};

addEventListener("message", async ({ data: { id, call, ...rest } }) => {
  try {
    postMessage({ id, answer: await CALLS[call](rest) });
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
});
