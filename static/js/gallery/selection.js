// Which images are chosen, which one has the focus, and which one the pointer is over.

import { rows } from "./data.js";
import { allIds, allSections, cellAt, cellOf, cellsOf, columns, gallery, idsOf, sectionOf } from "./grid.js";

export const chosen = new Set();
let anchor = null;
let current = null;
let hovered = null;
let isByPointer = false;
const listeners = [];

export const onChange = (listener) => listeners.push(listener);
export const currentId = () => current;
export const hoveredId = () => hovered;

// What a key is about: what is chosen, else what the pointer or else the focus is on.
export function targets() {
  if (chosen.size) return [...chosen].filter((id) => rows.has(id));
  const one = isByPointer && hovered ? hovered : current;
  return one && rows.has(one) ? [one] : [];
}

export function targetSection() {
  const one = isByPointer && hovered ? hovered : current;
  return one ? sectionOf(one) : undefined;
}

function mark(id, isChosen) {
  const cell = cellOf(id);
  if (isChosen) chosen.add(id);
  else chosen.delete(id);
  cell?.setAttribute("aria-selected", String(isChosen));
}

function tell() {
  for (const listener of listeners) listener();
}

export function choose(ids, { isAdded = false } = {}) {
  const wanted = new Set(ids);
  if (!isAdded) for (const id of [...chosen]) if (!wanted.has(id)) mark(id, false);
  for (const id of wanted) mark(id, true);
  tell();
}

export function clear() {
  choose([]);
}

export function toggle(id) {
  mark(id, !chosen.has(id));
  anchor = id;
  tell();
}

function range(from, to) {
  const ids = allIds();
  const ends = [ids.indexOf(from), ids.indexOf(to)].sort((one, other) => one - other);
  return ends[0] < 0 ? [to] : ids.slice(ends[0], ends[1] + 1);
}

export function extendTo(id) {
  anchor ??= current ?? id;
  choose(range(anchor, id));
}

// Moves the tab stop of the group, and the focus.
export function focus(id) {
  const cell = cellOf(id);
  if (!cell) return;
  for (const other of sectionOf(id).grid.querySelectorAll(".tile[tabindex='0']")) other.tabIndex = -1;
  cell.tabIndex = 0;
  isByPointer = false;
  cell.focus({ preventScroll: true });
  cell.scrollIntoView({ block: "nearest" });
}

// The one that takes its place when images leave their group.
export function nextAfter(ids) {
  const leaving = new Set(ids);
  const all = allIds();
  const last = Math.max(...ids.map((id) => all.indexOf(id)));
  return all.slice(last + 1).find((id) => !leaving.has(id))
    ?? all.slice(0, Math.max(last, 0)).reverse().find((id) => !leaving.has(id));
}

export function select(event, id) {
  if (event.shiftKey) extendTo(id);
  else if (event.ctrlKey || event.metaKey || event.pointerType === "touch") toggle(id);
  else {
    choose([id]);
    anchor = id;
  }
}

const STEPS = {
  ArrowRight: (id) => beside(id, 1),
  ArrowLeft: (id) => beside(id, -1),
  ArrowDown: (id) => above(id, 1),
  ArrowUp: (id) => above(id, -1),
  PageDown: (id) => above(id, linesOnScreen(id)),
  PageUp: (id) => above(id, -linesOnScreen(id)),
  Home: (id, event) => (event.ctrlKey ? allIds() : idsOf(sectionOf(id)))[0],
  End: (id, event) => (event.ctrlKey ? allIds() : idsOf(sectionOf(id))).at(-1),
};

export function beside(id, step) {
  const ids = allIds();
  return ids[ids.indexOf(id) + step];
}

function linesOnScreen(id) {
  return Math.max(1, Math.floor(window.innerHeight / (cellOf(id).offsetHeight + 4)) - 2);
}

// So many lines further down, or into the next group where this one ends.
function above(id, lines) {
  const section = sectionOf(id);
  const ids = idsOf(section);
  const width = columns(section);
  const place = ids.indexOf(id);
  const wanted = place + lines * width;
  if (wanted >= 0 && wanted < ids.length) return ids[wanted];
  const isDown = lines > 0;
  const lastLine = Math.floor((ids.length - 1) / width);
  if (isDown && Math.floor(place / width) < lastLine) return ids.at(-1);
  if (!isDown && place >= width) return ids[place % width];
  const filled = allSections().filter((each) => each.grid.querySelector(".tile"));
  const next = filled[filled.indexOf(section) + Math.sign(lines)];
  if (!next) return undefined;
  const others = idsOf(next);
  const column = Math.min(place % width, others.length - 1);
  if (isDown) return others[column];
  const start = Math.floor((others.length - 1) / width) * width;
  return others[Math.min(start + column, others.length - 1)];
}

// Whether the key moved the focus.
export function move(event) {
  const step = STEPS[event.key];
  const from = current ?? allIds()[0];
  if (!step || !from) return false;
  const to = current ? step(from, event) : from;
  if (!to) return true;
  if (event.shiftKey) {
    anchor ??= from;
    choose(range(anchor, to));
  } else {
    anchor = to;
    if (!event.ctrlKey && chosen.size) clear();
  }
  focus(to);
  return true;
}

export function chooseGroup() {
  const section = targetSection();
  if (section) choose(idsOf(section));
}

gallery.addEventListener("focusin", (event) => {
  const cell = cellAt(event.target);
  if (!cell) return;
  current = cell.dataset.id;
  tell();
});

let last = { x: -1, y: -1 };

gallery.addEventListener("pointermove", (event) => {
  // A page that scrolls under a pointer at rest moves it too, in the browser's eyes.
  if (event.pointerType === "touch" || (event.screenX === last.x && event.screenY === last.y)) return;
  last = { x: event.screenX, y: event.screenY };
  const id = cellAt(event.target)?.dataset.id ?? null;
  isByPointer = id !== null;
  if (id === hovered) return;
  hovered = id;
  tell();
});

// What comes under a pointer that stays where it is, since the image before it has gone.
export function lookUnderPointer(point) {
  const cell = cellAt(document.elementFromPoint(point.x, point.y));
  hovered = cell?.dataset.id ?? null;
  tell();
}

gallery.addEventListener("pointerleave", () => {
  hovered = null;
  isByPointer = false;
  tell();
});

export const tilesIn = (rectangle) => allSections().flatMap(cellsOf).filter((cell) => {
  const box = cell.getBoundingClientRect();
  return box.left < rectangle.right && box.right > rectangle.left
    && box.top < rectangle.bottom && box.bottom > rectangle.top;
}).map((cell) => cell.dataset.id);
