// The page: photos come in by file, drop, paste, camera; answers go out; the work is a worker's.

import { Camera } from "./camera.js";
import { card, drawPicture } from "./draw.js";
import { Unreadable, decode } from "./image.js";
import { strip } from "./strip.js";

const byId = (id) => document.getElementById(id);
const [file, whole, status, result, live] = ["file", "whole", "status", "result", "live"].map(byId);
const camera = new Camera(byId("video"));
const waiting = new Map();
let model = null;
let asked = 0;

// Of a blob, which is bound by this page's policy; a worker of a file of its own would not be.
const code = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
const worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })), {
  type: "module",
});

worker.addEventListener("message", ({ data: { id, answer, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error === undefined) resolve(answer);
  else reject(new Error(error));
});
worker.addEventListener("error", () => {
  say("The page cannot start: a file of it is missing, or this browser is too old.", "bad");
});

function call(name, values = {}, transfer = []) {
  return new Promise((resolve, reject) => {
    const id = ++asked;
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, call: name, ...values }, transfer);
  });
}

function say(text, kind = "") {
  status.className = kind;
  status.textContent = text;
}

function counted(faces) {
  if (!faces.length) return "No face was found in this picture.";
  return faces.length === 1 ? "1 face" : `${faces.length} faces, the largest first`;
}

/** Looks at a picture that `get` gives, unless another was given meanwhile. */
async function look(get, note = "") {
  const turn = ++look.turn;
  say("Looking at the picture …", "busy");
  result.hidden = true;
  try {
    await started;
    const bitmap = await get();
    const mine = await createImageBitmap(bitmap);
    const oneFace = whole.checked || !model.target;
    const found = await call("look", { image: bitmap, whole: oneFace }, [bitmap]);
    if (turn !== look.turn) return;
    show(mine, found.faces, oneFace, note);
  } catch (error) {
    if (turn !== look.turn) return;
    const said = error instanceof Unreadable ? error.message : `That went wrong: ${error.message}`;
    say(said, "bad");
  }
}
look.turn = 0;

function show(bitmap, faces, oneFace, note) {
  const { width, height } = bitmap;
  const square = Math.max(width, height) <= 1.25 * Math.min(width, height);
  const taken = oneFace
    ? "Taken for one face, cut out as the model knows faces" +
      (square ? "; whether it is was not looked at." : `: its middle square, of ${width} × ${height} pixels.`)
    : counted(faces);
  say([note, taken].filter(Boolean).join(" "), faces.length ? "" : "bad");
  const picture = byId("picture");
  drawPicture(picture, bitmap, faces);
  byId("sides").classList.toggle("broad", width > 1.8 * height);
  picture.setAttribute("aria-label", oneFace ? "The picture" : `The picture: ${counted(faces)}`);
  bitmap.close();
  byId("legend").hidden = !faces.length;
  byId("faces").replaceChildren(...faces.map((face, k) => {
    const item = card(face, k + 1, model);
    const ask = (wanted) => call("age", { index: k, wanted });
    if (model.ager && !oneFace) item.append(strip(k + 1, model, ask));
    return item;
  }));
  result.hidden = false;
  if (faces.length) byId("answer").focus({ preventScroll: true });
}

function lookAtFiles(files) {
  const images = [...files].filter(({ type }) => !type || type.startsWith("image/"));
  if (!images.length) {
    say("That is no image.", "bad");
    return;
  }
  const others = files.length - 1;
  const note = others ? `One picture at a time: ${others} left out.` : "";
  look(() => decode(images[0], images[0].name || "The picture"), note);
}

file.addEventListener("change", () => {
  if (file.files.length) lookAtFiles([...file.files]);
  file.value = ""; // So that the same file can be chosen again.
});
byId("example").addEventListener("click", () => {
  whole.checked = false;
  look(async () => decode(await (await fetch("example.jpg")).blob(), "The drawn picture"));
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  lookAtFiles(event.dataTransfer.files);
});
addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length) lookAtFiles(clipboardData.files);
});

byId("camera").hidden = !Camera.isThere;
byId("camera").addEventListener("click", async () => {
  try {
    await camera.start();
    live.hidden = false;
    byId("take").focus();
    say("");
  } catch (error) {
    camera.stop();
    const denied = error.name === "NotAllowedError";
    say(denied ? "The browser does not let this page use the camera." : "No camera was found.", "bad");
  }
});
function closeCamera() {
  camera.stop();
  live.hidden = true;
  byId("camera").focus();
}
byId("take").addEventListener("click", async () => {
  const bitmap = await camera.take();
  closeCamera();
  look(async () => bitmap);
});
byId("stop").addEventListener("click", closeCamera);

async function start() {
  say("Loading the model …", "busy");
  model = await call("start");
  whole.checked = !model.detects;
  whole.disabled = !model.target;
  const terms = model.licence === "unknown" ? "" : ` Its terms: ${model.licence}.`;
  byId("model").textContent =
    `Model: ${model.name}, by agekit ${model.agekit} and ONNX Runtime Web ${model.runtime}.${terms}` +
    (model.ager ? ` Ager: ${model.ager.name}. Its terms: ${model.ager.licence}.` : "");
  if (model.level) byId("level").textContent = `is meant to hold for ${Math.round(100 * model.level)} of 100 faces`;
  document.body.dataset.ready = "";
  if (!look.turn) say("Ready.");
}

const started = start();
started.catch((error) => say(`The page cannot start: ${error.message}`, "bad"));
