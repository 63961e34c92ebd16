// Bringing labelled images: choosing a folder, opening a set, sending its files, then its table.

import { BringForm } from "./bring/form.js";
import { FileList, count, size } from "./bring/list.js";
import { Site } from "./bring/site.js";
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
const page = new BringForm(form, Number(maxBytes), { isSending: () => isSending, add });

function add(found) {
  const worth = page.worth(found, [...items, ...tables]);
  tables.push(...worth.filter(({ path }) => /\.csv$/i.test(path)));
  const images = worth.filter(({ path }) => !/\.csv$/i.test(path));
  const room = Number(maxFiles) - items.length;
  items.push(...images.slice(0, room).map((each) => page.itemOf(each)));
  list.show(items);
  show();
  page.complain(images.length > room ? `A set takes ${count(Number(maxFiles), "image")}; the rest was left out.` : "");
}

function show() {
  const bytes = items.reduce((sum, item) => sum + item.size, 0);
  const beside = tables.length ? ` and ${count(tables.length, "table")}` : "";
  page.tell(items.length ? `${count(items.length, "file")}, ${size(bytes)}${beside}` : "");
  for (const control of form.querySelectorAll("#submit, input[type=file]")) control.disabled = isSending;
}

async function send() {
  const folder = items.find(({ path }) => path.includes("/"))?.path.split("/")[0];
  const fields = { dataset: form.elements.dataset.value, crop: form.elements.crop.value };
  fields.name = form.elements.name.value || folder || items[0].path;
  if (form.elements.project.value) fields.project = form.elements.project.value;
  const body = new Blob([JSON.stringify(fields)], { type: "application/json" });
  const { id } = await page.patiently(() => site.ask("POST", sets, body));
  find("#total").hidden = false;
  const told = { changed: (item) => list.update(item), trouble: (words) => page.trouble(words) };
  await new Uploader(site, id, items, told).run();
  for (const { file } of tables) {
    const table = new FormData();
    table.append("table", file, file.name);
    await page.patiently(() => site.ask("POST", `${sets}${id}/table/`, table));
  }
  window.location.assign(`${pages}${id}/`);
}

async function start() {
  page.complain("");
  if (!items.length) return page.complain("No files were chosen. Drop a folder or a zip, or choose them.");
  isSending = true;
  show();
  page.tell("Sending. Keep this page open.");
  try {
    await send();
  } catch (error) {
    page.complain(error.message);
  } finally {
    isSending = false;
    show();
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!isSending) start();
});
show();
