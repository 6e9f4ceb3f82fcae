// Faces made older and younger, until they look it (agekit_ager.steering).

/**
 * A face made `to` years old: told otherwise, and made again, where the estimator sees another
 * change of age than was wanted, by the rules of Python. Gives the chip, the age it was told, and how old it looks.
 */
export async function aged({ make, seen, chip, now, before, to, ages: [first, last], rules }) {
  const low = Math.max(to - rules.farthest, Math.min(to < rules.child ? first : rules.grown, to));
  const high = Math.min(to + rules.farthest, Math.max(last, to));
  const made = async (told) => {
    const face = await make(chip, now, told);
    const looks = await seen(face);
    return { chip: face, told, looks, off: to - now - (looks - before) };
  };
  let best = await made(to);
  for (let round = 0; round < rules.rounds && Math.abs(best.off) > rules.near; round++) {
    const told = Math.min(Math.max(best.told + best.off, low), high);
    if (told === best.told) break;
    const next = await made(told);
    if (Math.abs(next.off) >= Math.abs(best.off)) break;
    best = next;
  }
  return best;
}
