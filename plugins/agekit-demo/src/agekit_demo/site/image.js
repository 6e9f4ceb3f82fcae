// Image files to upright pictures, as agekit decodes them in Python, or the reason why not.

const MOST_PIXELS = 64_000_000;

/** An error that is said as it is. */
export class Unreadable extends Error {}

/**
 * An image file as a bitmap: upright, its colours as they are written.
 *
 * A profile of colours is left out, as the model has learned from images read so.
 */
export async function decode(file, name) {
  if (file.size === 0) throw new Unreadable(`${name} is empty.`);
  const { width, height } = await size(file, name);
  if (width * height > MOST_PIXELS) {
    throw new Unreadable(
      `${name} has ${width} × ${height} pixels; ${MOST_PIXELS / 1e6} million are the most. ` +
        "Scale it down first.",
    );
  }
  if (await isCut(file)) throw new Unreadable(`${name} is damaged: its end is missing.`);
  try {
    return await createImageBitmap(file, {
      imageOrientation: "from-image",
      colorSpaceConversion: "none",
    });
  } catch {
    throw unreadable(name);
  }
}

function unreadable(name) {
  return new Unreadable(`${name} cannot be read: it is damaged, or no image this browser knows.`);
}

/** Told before the pixels are decoded: a file of a few bytes can claim to hold very many. */
async function size(file, name) {
  const image = new Image();
  const address = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = reject;
      image.src = address;
    });
    return { width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    throw unreadable(name);
  } finally {
    URL.revokeObjectURL(address);
  }
}

/**
 * Whether the end of an image file is missing: browsers fill up with grey what they cannot read.
 *
 * Told of JPEG, by its last marker, of PNG, by its last chunk, and of WebP, by its length.
 */
async function isCut(file) {
  const bytes = new DataView(await file.arrayBuffer());
  const length = bytes.byteLength;
  if (length < 12) return true;
  const start = bytes.getUint32(0);
  if (start === 0x89504e47) return !has(bytes, 8, 0x49454e44, 4);
  if (start === 0x52494646) return length < bytes.getUint32(4, true) + 8;
  return start >>> 8 === 0xffd8ff && !has(bytes, scan(bytes), 0xffd9, 2);
}

/** Whether a number of so many bytes lies in a file at or behind a place; looked for from the end. */
function has(bytes, first, number, width) {
  const read = (at) => (width === 4 ? bytes.getUint32(at) : bytes.getUint16(at));
  for (let at = bytes.byteLength - width; at >= first; at--) if (read(at) === number) return true;
  return false;
}

/** Where the first scan of a JPEG begins: before it a small copy may lie, with an end of its own. */
function scan(bytes) {
  let at = 2;
  while (at + 4 <= bytes.byteLength && bytes.getUint16(at) !== 0xffda) {
    at += 2 + bytes.getUint16(at + 2);
  }
  return at;
}
