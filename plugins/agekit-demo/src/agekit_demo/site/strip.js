// A face at several ages beside each other, and one of them over the photo, by a slider.

import { made, shown } from "./draw.js";

const WANTED = [10, 30, 50, 70];

/** What asks for a face's other ages, and then shows them; `ask` gives them. */
export function strip(number, { name, ager }, ask) {
  const place = made("div", { className: "aging" });
  const button = made("button", { type: "button", textContent: "older and younger" });
  button.setAttribute("aria-label", `Face ${number}: make it older and younger`);
  const told = made("p", { className: "told" });
  told.setAttribute("role", "status");
  place.append(button, told);
  button.addEventListener("click", async () => {
    button.disabled = true;
    told.textContent = "Making it older and younger …";
    try {
      const wanted = WANTED.filter((age) => ager.ages[0] <= age && age <= ager.ages[1]);
      show(place, number, { name, ager }, await ask(wanted));
    } catch (error) {
      told.textContent = `That went wrong: ${error.message}`;
      button.disabled = false;
    }
  });
  return place;
}

function show(place, number, { name, ager }, [before, ...faces]) {
  const compare = made("div", { className: "compare" });
  const after = made("div", { className: "after" });
  const range = made("input", { type: "range", min: 0, max: 100, value: 50 });
  const move = () => compare.style.setProperty("--at", `${range.value}%`);
  range.addEventListener("input", move);
  compare.append(shown(before.chip), after, made("span", { className: "edge" }));
  const told = made("p", { className: "told" });
  told.setAttribute("role", "status");
  const choices = faces.map((face) => {
    const words = made("span", { textContent: `${face.to}` });
    const choice = made("button", { type: "button" }, shown(face.chip), words);
    choice.dataset.told = face.told;
    choice.setAttribute("aria-label", `Face ${number} made ${face.to} years old`);
    choice.addEventListener("click", () => choose(face, choice));
    return choice;
  });
  function choose(face, chosen) {
    choices.forEach((one) => one.setAttribute("aria-pressed", String(one === chosen)));
    after.replaceChildren(shown(face.chip));
    range.setAttribute("aria-label", `Face ${number}: the photo to the left, made ${face.to} to the right`);
    told.textContent =
      `Made ${face.to} by ${ager.name}; ${name} takes it for ${face.looks.toFixed(0)}. It is what was ` +
      "learnt of other faces, not how this person will look, or looked.";
  }
  const group = made("div", { className: "strip" }, ...choices);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", `Face ${number} at other ages`);
  const last = faces.length - 1;
  choose(faces[last], choices[last]);
  move();
  place.replaceChildren(group, made("div", { className: "slide" }, compare, range), told);
  choices[last].focus({ preventScroll: true });
}
