// The groups and their tiles. A tile is a row of its grid with one cell.

import { page, percent, rows, thumbnail, words } from "./data.js";

const AHEAD = "2000px 0px";
const gallery = document.getElementById("gallery");
const template = document.getElementById("tile").content.firstElementChild;
const tiles = new Map();
const sections = new Map();

for (const element of gallery.querySelectorAll("[data-group]")) {
  sections.set(element.dataset.group, {
    name: element.dataset.group,
    element,
    grid: element.querySelector("[role=grid]"),
    count: element.querySelector(".count"),
    confirm: element.querySelector("[data-confirm-group]"),
    total: Number(element.dataset.count),
    isComplete: false,
  });
}

export { gallery };

export const allSections = () => [...sections.values()];
export const sectionOf = (id) => sections.get(rows.get(id)?.group);
export const sectionNamed = (name) => sections.get(name);
export const cellOf = (id) => tiles.get(id)?.firstElementChild;
export const cellsOf = (section) => [...section.grid.querySelectorAll(".tile")];
export const idsOf = (section) => cellsOf(section).map((cell) => cell.dataset.id);
export const allIds = () => [...gallery.querySelectorAll(".tile")].map((cell) => cell.dataset.id);
export const cellAt = (target) => target instanceof Element ? target.closest(".tile") : null;

// Pictures load before they come into view, and the others when nothing else is to be done.
const nearing = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) load(entry.target);
}, { rootMargin: AHEAD });

function load(cell) {
  nearing.unobserve(cell);
  const picture = cell.firstElementChild;
  if (picture.dataset.src) picture.src = picture.dataset.src;
  delete picture.dataset.src;
}

const whenIdle = window.requestIdleCallback ?? ((callback) => setTimeout(callback, 200));

export function loadTheOthers() {
  const waiting = [...gallery.querySelectorAll("img[data-src]")].slice(0, 24);
  for (const picture of waiting) load(picture.parentElement);
  const shown = waiting.map((picture) => picture.decode().catch(() => {}));
  if (waiting.length) Promise.all(shown).then(() => whenIdle(loadTheOthers));
}

function sectionFor(name) {
  return sections.get(name) ?? added(name);
}

// A class that the dataset does not list, such as one of an older version of the model.
function added(name) {
  const model = sections.values().next().value.element;
  const element = model.cloneNode(true);
  element.dataset.group = name;
  const grid = element.querySelector("[role=grid]");
  grid.replaceChildren();
  const heading = element.querySelector("h2");
  heading.id = `group-${sections.size}`;
  element.setAttribute("aria-labelledby", heading.id);
  grid.setAttribute("aria-labelledby", heading.id);
  heading.querySelector(".group-name").textContent = name;
  gallery.append(element);
  const section = {
    name, element, grid, count: element.querySelector(".count"),
    confirm: element.querySelector("[data-confirm-group]"), total: 0, isComplete: true,
  };
  sections.set(name, section);
  return section;
}

// Shows a row as it is now: at the end of its group if it was not there before.
export function put(row, { isCounted = false } = {}) {
  const known = rows.get(row.id);
  const section = sectionFor(row.group);
  rows.set(row.id, row);
  const tile = tiles.get(row.id) ?? build(row);
  if (known?.group !== row.group || !known) {
    if (known) count(sections.get(known.group), -1);
    section.grid.append(tile);
    if (known || !isCounted) count(section, 1);
  }
  dress(tile.firstElementChild, row);
  touch(section);
}

export function remove(id) {
  const section = sectionOf(id);
  tiles.get(id)?.remove();
  tiles.delete(id);
  rows.delete(id);
  if (section) count(section, -1);
}

function build(row) {
  const tile = template.cloneNode(true);
  const cell = tile.firstElementChild;
  cell.dataset.id = row.id;
  cell.firstElementChild.dataset.src = thumbnail(row);
  tiles.set(row.id, tile);
  nearing.observe(cell);
  return tile;
}

function dress(cell, row) {
  cell.dataset.state = row.state;
  cell.dataset.certainty = row.certainty;
  cell.classList.toggle("has-note", Boolean(row.note));
  cell.classList.toggle("is-unsure", row.confidence < 0.6);
  cell.querySelector(".confidence").style.width = `${100 * row.confidence}%`;
  const note = row.note ? `, note: ${row.note}` : "";
  cell.setAttribute(
    "aria-label",
    `${row.name}: predicted ${row.predicted}, ${percent(row.confidence)}, ${words(row)}${note}`,
  );
}

const changed = new Set();

function count(section, difference) {
  section.total += difference;
  touch(section);
}

function touch(section) {
  if (!changed.size) requestAnimationFrame(settle);
  changed.add(section);
}

// Numbers in headings and of rows, once for many changes.
function settle() {
  for (const section of changed) renumber(section);
  changed.clear();
  const done = [...rows.values()].filter((row) => row.state !== "unreviewed").length;
  for (const each of document.querySelectorAll("[data-reviewed]")) each.textContent = done.toLocaleString("en");
  for (const each of document.querySelectorAll("[data-total]")) {
    each.textContent = allSections().reduce((sum, section) => sum + section.total, 0).toLocaleString("en");
  }
}

export function renumber(section) {
  const cells = cellsOf(section);
  if (section.isComplete) section.total = cells.length;
  section.total = Math.max(section.total, cells.length);
  section.count.textContent = section.total.toLocaleString("en");
  section.element.classList.toggle("is-empty", !section.total);
  section.grid.hidden = !section.total;
  section.grid.setAttribute("aria-rowcount", section.total);
  if (section.confirm) section.confirm.hidden = !section.total;
  cells.forEach((cell, place) => cell.parentElement.setAttribute("aria-rowindex", place + 1));
  if (cells.length && !section.grid.querySelector(".tile[tabindex='0']")) cells[0].tabIndex = 0;
  reserve(section);
}

// Room for what is still to come, so that nothing jumps when it does.
export function reserve(section) {
  const first = section.grid.querySelector(".tile");
  if (section.isComplete || !first) {
    section.grid.style.minHeight = "";
    return;
  }
  const height = first.offsetHeight + 4;
  section.grid.style.minHeight = `${Math.ceil(section.total / columns(section)) * height}px`;
}

export function columns(section) {
  const first = section.grid.querySelector(".tile");
  return first ? Math.max(1, Math.floor((section.grid.clientWidth + 4) / (first.offsetWidth + 4))) : 1;
}

export function settleAll() {
  for (const section of sections.values()) changed.add(section);
  settle();
}

window.addEventListener("resize", () => allSections().forEach(reserve));

export const isLocked = !page.may_review;
