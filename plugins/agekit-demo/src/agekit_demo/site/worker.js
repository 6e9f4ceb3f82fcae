// The work beside the page, so that it stays at hand: an image in, its faces and their ages out.

import { aged } from "./aging.js";
import { Detector } from "./detector.js";
import { cut, isUpright, middle } from "./frame.js";
import { ager, detectorNetworks, estimator } from "./networks.js";

const BATCH = 16;

let ready = null;
let later = null; // The ager, from when it is first asked.
let last = []; // The faces of the last picture, as the ager is shown them.

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
    if (!chip) continue;
    const own = model.ager ? cut(photo, points, model.ager.target, model.ager.size) : null;
    faces.push({ box: within(box, photo), score, upright: isUpright(points), chip, own });
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
  last = faces.map(({ own, age }) => ({ own, age }));
  faces.forEach((face) => delete face.own);
  return { faces, width: photo.width, height: photo.height };
}

/** A face of the last picture at other ages, the first of them as it is. */
async function age(index, wanted) {
  const { model, estimate } = await ready;
  later ??= ager(model.ager.file, model.ager.size);
  const make = await later;
  const { own, age: now } = last[index];
  const seen = async (chip) => {
    const points = model.ager.target.map((point) => point.map((share) => share * chip.width));
    return (await estimate([cut(chip, points, model.target, model.size)]))[0].age;
  };
  const before = await seen(own);
  const faces = [{ to: now, looks: now, chip: own }];
  for (const to of wanted) {
    const { ages, steering: rules } = model.ager;
    const made = await aged({ make, seen, chip: own, now, before, to, ages, rules });
    faces.push({ ...made, to, looks: now + made.looks - before });
  }
  return faces;
}

const CALLS = {
  async start() {
    ready = start();
    return (await ready).model;
  },
  look: ({ image, whole }) => look(image, whole),
  age: ({ index, wanted }) => age(index, wanted),
};

addEventListener("message", async ({ data: { id, call, ...rest } }) => {
  try {
    postMessage({ id, answer: await CALLS[call](rest) });
  } catch (error) {
    postMessage({ id, error: String(error?.message ?? error) });
  }
});
