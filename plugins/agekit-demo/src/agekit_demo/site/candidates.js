// Boxes that may hold a face: {box: [x0, y0, x1, y1], score, points} (agekit.faces.mtcnn.candidates).

/** Each edge of a box moved by its shift, in widths and heights of the box. */
export function shifted(box, shifts) {
  const sides = [box[2] - box[0], box[3] - box[1]];
  return box.map((edge, k) => edge + shifts[k] * sides[k % 2]);
}

/** The square about the centre of a box, with its longer side. */
export function squared(box) {
  const half = Math.max(box[2] - box[0], box[3] - box[1]) / 2;
  const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
  return [x - half, y - half, x + half, y + half];
}

export function area([x0, y0, x1, y1]) {
  return (x1 - x0) * (y1 - y0);
}

function common(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return Math.max(width, 0) * Math.max(height, 0);
}

function thinned(candidates, clash) {
  const kept = [];
  for (const one of [...candidates].sort((a, b) => b.score - a.score)) {
    if (!kept.some((better) => clash(better.box, one.box))) kept.push(one);
  }
  return kept;
}

/** The better boxes put out the worse whose intersection over union with them is too large. */
export function nms(candidates, overlap) {
  return thinned(candidates, (a, b) => {
    const shared = common(a, b);
    return shared > overlap * (area(a) + area(b) - shared);
  });
}

/** As `nms`, with the intersection over the smaller box. */
export function nmsOfSmaller(candidates, overlap) {
  return thinned(candidates, (a, b) => common(a, b) > overlap * Math.min(area(a), area(b)));
}
