// ONNX files run by ONNX Runtime Web: on the processor, from files of this folder alone.

import * as ort from "./ort.wasm.bundle.min.mjs";

// Bundled, the runtime asks for one file more.
ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };

async function fetched(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name} cannot be read: ${answer.status} ${answer.statusText}`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function session(name) {
  return ort.InferenceSession.create(await fetched(name), { executionProviders: ["wasm"] });
}

async function run(network, type, values, shape, more = {}) {
  return network.run({ [network.inputNames[0]]: new ort.Tensor(type, values, shape), ...more });
}

/** The three networks of the detector, as `Detector` takes them. */
export async function detectorNetworks() {
  const [pnet, rnet, onet] = await Promise.all(
    ["pnet.onnx", "rnet.onnx", "onet.onnx"].map(session),
  );
  return {
    async pnet(pictures, shape) {
      const { faces, shifts } = await run(pnet, "float32", pictures, shape);
      return { scores: faces.data, shifts: shifts.data, shape: faces.dims.slice(1) };
    },
    async rnet(crops, shape) {
      const { faces, shifts } = await run(rnet, "float32", crops, shape);
      return { scores: faces.data, shifts: shifts.data };
    },
    async onet(crops, shape) {
      const { faces, shifts, points } = await run(onet, "float32", crops, shape);
      return { scores: faces.data, shifts: shifts.data, shares: points.data };
    },
  };
}

/** What says the ages of chips: {age, low, high, p} each; p is null where there is none. */
export async function estimator(file, size) {
  const network = await session(file);
  return async (chips) => {
    const pixels = new Uint8Array(chips.length * size * size * 3);
    chips.forEach((chip, k) => pixels.set(chip.data, k * size * size * 3));
    const found = await run(network, "uint8", pixels, [chips.length, size, size, 3]);
    const [age, low, high] = ["age", "low", "high"].map((name) => found[name].data);
    const p = found.distribution?.data;
    const ages = p ? p.length / chips.length : 0;
    return chips.map((_, k) => ({
      age: age[k],
      low: low[k],
      high: high[k],
      p: p ? Array.from(p.slice(k * ages, (k + 1) * ages)) : null,
    }));
  };
}

/** What makes of a chip that looks some years old one that looks others. */
export async function ager(file, size) {
  const network = await session(file);
  const years = (value) => new ort.Tensor("float32", Float32Array.of(value), [1]);
  return async ({ data }, age, to) => {
    const wish = { age: years(age), to: years(to) };
    const { aged } = await run(network, "uint8", data, [1, size, size, 3], wish);
    return { width: size, height: size, channels: 3, data: Uint8Array.from(aged.data) };
  };
}
