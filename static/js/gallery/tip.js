// Beside the image that the pointer or the focus is on: what it is, and the keys.

import { page, percent, rows, words } from "./data.js";
import { cellOf, isLocked } from "./grid.js";
import { chosen, hoveredId, onChange } from "./selection.js";

const tip = document.getElementById("tip");
const count = document.getElementById("chosen");
const keys = page.labels.filter(([, key]) => key).map(([, key]) => key);
const classKeys = keys.filter((key) => key > "0" && key <= "9");

function line(name, ...parts) {
  const element = document.createElement("p");
  element.className = name;
  element.append(...parts);
  return element;
}

function answer(row) {
  const isOld = row.state === "corrected" || row.state === "unclear";
  const old = Object.assign(document.createElement(isOld ? "s" : "span"), { textContent: row.predicted });
  return line("tip-answer", ...(isOld ? [`${row.label} `] : []), old, ` ${percent(row.confidence)}`);
}

function show() {
  const row = rows.get(hoveredId());
  const cell = row && cellOf(row.id);
  tip.hidden = !cell;
  if (!cell) return;
  tip.replaceChildren(
    line("tip-name", row.name),
    answer(row),
    line("tip-state", words(row), row.note ? `: ${row.note}` : ""),
    ...(isLocked ? [] : [line("tip-keys", `${classKeys.at(0)}–${classKeys.at(-1)} class · Enter confirm · Space large`)]),
  );
  const box = cell.getBoundingClientRect();
  const left = Math.min(box.left, window.innerWidth - tip.offsetWidth - 8);
  const isBelow = box.bottom + tip.offsetHeight + 160 < window.innerHeight;
  tip.style.transform = `translate(${left}px, ${isBelow ? box.bottom + 6 : box.top - tip.offsetHeight - 6}px)`;
}

onChange(show);
onChange(() => {
  count.textContent = chosen.size ? `${chosen.size.toLocaleString("en")} chosen` : "";
  document.body.classList.toggle("has-chosen", chosen.size > 0);
});
window.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
