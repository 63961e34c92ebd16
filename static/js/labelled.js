// Bringing labelled images: choosing a folder, opening a set, sending its files, then its table.

import { chosenFiles, droppedFiles, isWorthSending } from "./bring/files.js";
import { FileList, count, size } from "./bring/list.js";
import { Later, Site } from "./bring/site.js";
import { Uploader } from "./bring/uploader.js";

const form = document.getElementById("bring");
const find = (selector) => form.querySelector(selector);
// Not of the form: its field "dataset" hides the property of that name.
const { maxFiles, maxBytes, sets, pages } = find("[data-drop]").dataset;
const site = new Site(sets, form);
const list = new FileList(form, pages);
const items = [];
const tables = [];
let isSending = false;

function complain(words) {
  const error = document.createElement("p");
  error.className = "error";
  error.textContent = words;
  find("#form-errors").replaceChildren(...(words ? [error] : []));
}

function showTrouble(words) {
  const trouble = find("#trouble");
  trouble.hidden = !words;
  if (trouble.textContent !== words) trouble.textContent = words;
}

function itemOf({ file, path }) {
  const item = { file, path, size: file.size, isArchive: /\.zip$/i.test(path), state: "waiting" };
  if (!item.isArchive && file.size > Number(maxBytes)) {
    Object.assign(item, { state: "refused", reason: `It is larger than ${size(Number(maxBytes))}.` });
  }
  return item;
}

function add(found) {
  const known = new Set(items.map((item) => item.path));
  const worth = found.filter(isWorthSending).filter(({ path }) => !known.has(path));
  tables.push(...worth.filter(({ path }) => /\.csv$/i.test(path)));
  const images = worth.filter(({ path }) => !/\.csv$/i.test(path));
  const room = Number(maxFiles) - items.length;
  items.push(...images.slice(0, room).map(itemOf));
  list.show(items);
  show();
  complain(images.length > room ? `A set takes ${count(Number(maxFiles), "image")}; the rest was left out.` : "");
}

function show() {
  const bytes = items.reduce((sum, item) => sum + item.size, 0);
  const beside = tables.length ? ` and ${count(tables.length, "table")}` : "";
  find("#said").textContent = items.length ? `${count(items.length, "file")}, ${size(bytes)}${beside}` : "";
  for (const control of form.querySelectorAll("#submit, input[type=file]")) control.disabled = isSending;
}

async function patiently(ask) {
  for (;;) {
    try {
      const answer = await ask();
      showTrouble("");
      return answer;
    } catch (error) {
      if (!(error instanceof Later)) throw error;
      showTrouble(`${error.message} Trying again.`);
      await new Promise((resolve) => setTimeout(resolve, 1000 * (error.seconds || 3)));
    }
  }
}

async function send() {
  const folder = items.find(({ path }) => path.includes("/"))?.path.split("/")[0];
  const fields = { dataset: form.elements.dataset.value, crop: form.elements.crop.value };
  fields.name = form.elements.name.value || folder || items[0].path;
  if (form.elements.project.value) fields.project = form.elements.project.value;
  const body = new Blob([JSON.stringify(fields)], { type: "application/json" });
  const { id } = await patiently(() => site.ask("POST", sets, body));
  find("#total").hidden = false;
  const told = { changed: (item) => list.update(item), trouble: showTrouble };
  await new Uploader(site, id, items, told).run();
  for (const { file } of tables) {
    const table = new FormData();
    table.append("table", file, file.name);
    await patiently(() => site.ask("POST", `${sets}${id}/table/`, table));
  }
  window.location.assign(`${pages}${id}/`);
}

async function start() {
  complain("");
  if (!items.length) return complain("No files were chosen. Drop a folder or a zip, or choose them.");
  isSending = true;
  show();
  find("#said").textContent = "Sending. Keep this page open.";
  try {
    await send();
  } catch (error) {
    complain(error.message);
  } finally {
    isSending = false;
    show();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!isSending) start();
});
for (const input of form.querySelectorAll("input[type=file]")) {
  input.addEventListener("change", () => {
    add(chosenFiles(input));
    input.value = "";
  });
}
const drop = find("[data-drop]");
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("is-over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("is-over");
});
document.addEventListener("drop", async (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  if (!isSending) add(await droppedFiles(event.dataTransfer));
});
window.addEventListener("beforeunload", (event) => {
  if (isSending) event.preventDefault();
});
show();
