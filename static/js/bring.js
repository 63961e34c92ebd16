// Bringing many images: choosing them, opening a batch, sending them, and going on after a break.

import { keyOf } from "./bring/files.js";
import { BringForm } from "./bring/form.js";
import { FileList, count, size } from "./bring/list.js";
import { Ended, Site } from "./bring/site.js";
import { Uploader } from "./bring/uploader.js";

const form = document.getElementById("bring");
const { maxFiles, maxBytes, batches, pages, predictions } = form.dataset;
const find = (selector) => form.querySelector(selector);
const [submit, results, clear] = ["#submit", "#results", "#clear"].map(find);
const submitWords = find("[data-submit-words]");
const site = new Site(batches, form);
const list = new FileList(form, predictions);
const items = [];
let { batch } = form.dataset;
let folder = "";
let isSending = false;
const page = new BringForm(form, Number(maxBytes), { isSending: () => isSending, add });

// What this browser was to send, so that after a reload it can say what is missing.
const memory = {
  name: () => `bring:${batch}`,
  read: () => JSON.parse(localStorage.getItem(memory.name()) ?? "[]"),
  write() {
    try {
      const known = new Map(memory.read());
      for (const item of items) known.set(item.path, item.size);
      localStorage.setItem(memory.name(), JSON.stringify([...known]));
    } catch {
      // Without room, or where it is forbidden, going on works as well; it only names no files.
    }
  },
  forget: () => localStorage.removeItem(memory.name()),
};

function add(found) {
  const worth = page.worth(found, items);
  const room = Number(maxFiles) - items.length;
  items.push(...worth.slice(0, room).map((each) => page.itemOf(each)));
  folder ||= worth.find(({ path }) => path.includes("/"))?.path.split("/")[0] ?? "";
  list.show(items);
  show();
  page.complain(
    worth.length > room
      ? `A batch takes ${count(Number(maxFiles), "file")}, so ${count(worth.length - room, "file")} were left out. Bring them in another batch.`
      : "",
  );
}

function show() {
  const bytes = items.reduce((sum, item) => sum + item.size, 0);
  page.tell(items.length ? `${count(items.length, "file")}, ${size(bytes)}` : "");
  clear.hidden = !items.length || isSending;
  for (const control of [submit, ...form.querySelectorAll("input[type=file]")]) {
    control.disabled = isSending;
  }
  const words = batch ? "Send what is missing" : "Upload and classify";
  submitWords.textContent = items.length && !batch ? `${words} ${count(items.length, "file")}` : words;
}

/** The classes, or the group of them, that can be in the pictures; none where all can. */
function possible() {
  const choice = form.querySelector(".possible.is-current");
  const chosen = choice?.querySelector("[name=possible]:checked").value ?? "";
  if (chosen !== "own") return chosen ? [chosen] : [];
  return [...choice.querySelectorAll("[name=labels]:checked")].map(({ value }) => value);
}

/** The batch itself; asks again until the server answers. */
async function opened() {
  const fields = new FormData();
  for (const { value } of form.querySelectorAll("[name=model]:checked")) fields.append("model", value);
  fields.append("crop", form.elements.crop.value);
  for (const name of possible()) fields.append("labels", name);
  if (form.elements.platelets.checked && form.elements.crop.value === "cells") fields.append("platelets", "true");
  fields.append("name", form.elements.name.value || folder);
  if (form.elements.project.value) fields.append("project", form.elements.project.value);
  fields.append("open", "true");
  return (await page.patiently(() => site.open(fields))).id;
}

/** Leave out what the server has already, by path and content, or else by path and size. */
async function passOver(known) {
  const keys = new Map(known.map((each) => [each.key, each]));
  const sizes = new Map(known.map((each) => [each.path, each.byte_size]));
  for (const item of items) {
    if (item.isArchive || item.state !== "waiting") continue;
    const key = await keyOf(item);
    const there = key ? keys.get(key) : sizes.get(item.path) === item.size && { reason: "" };
    if (!there) continue;
    Object.assign(item, { state: there.reason ? "refused" : "there", reason: there.reason });
    list.update(item);
  }
}

async function send() {
  if (batch) {
    page.tell("Looking for what is here already.");
    await passOver(await page.patiently(() => site.files(batch)));
  } else {
    batch = await opened();
    // From here on a reload leads to where the upload goes on.
    history.replaceState(null, "", `${pages}${batch}/upload/`);
  }
  memory.write();
  results.href = `${pages}${batch}/`;
  results.hidden = false;
  find("#total").hidden = false;
  const told = { changed: (item) => list.update(item), trouble: (words) => page.trouble(words) };
  await new Uploader(site, batch, items, told).run();
  await page.patiently(() => site.close(batch));
  memory.forget();
  finish();
}

function finish() {
  isSending = false;
  const refused = items.filter((item) => item.state === "refused" || item.inside?.refused.length);
  if (!refused.length) {
    window.location.assign(`${pages}${batch}/`);
    return;
  }
  page.tell("Everything was sent. What was not taken is named below; the other results are coming in.");
  results.textContent = "See the results";
  results.classList.add("button-primary");
  submit.hidden = page.drop.hidden = true;
  results.focus();
}

async function start() {
  page.complain("");
  if (!items.length) return page.complain("No files were chosen. Drop files, a folder or a zip, or choose them.");
  if (!batch && !form.querySelector("[name=model]:checked")) {
    return page.complain("No model was chosen. Choose one or several.");
  }
  const isOwn = form.querySelector(".possible.is-current [value=own]:checked");
  if (!batch && isOwn && possible().length < 2) {
    return page.complain("Allow at least two classes, or choose “All classes”.");
  }
  isSending = true;
  show();
  page.tell("Sending. You can look at the first results meanwhile; keep this page open.");
  try {
    await send();
  } catch (error) {
    page.complain(error.message);
    if (!(error instanceof Ended)) console.error(error);
  } finally {
    isSending = false;
    if (!submit.hidden) show();
  }
}

async function nameMissing() {
  const expected = memory.read();
  if (!batch || !expected.length) return;
  const known = await page.patiently(() => site.files(batch));
  const there = new Map(known.map((each) => [each.path, each.byte_size]));
  const refused = known.filter((each) => each.reason).length;
  const missing = expected.filter(([path, bytes]) => !/\.zip$/i.test(path) && there.get(path) !== bytes);
  const left = Math.max(0, missing.length - refused);
  const first = missing.slice(0, 5).map(([path]) => path).join(", ");
  document.querySelector("[data-missing-words]").textContent = left
    ? `${count(left, "file")} of this browser’s list ${left === 1 ? "is" : "are"} missing, such as ${first}.`
    : "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!isSending) start();
});

clear.addEventListener("click", () => {
  items.length = 0;
  folder = "";
  add([]);
});

// Models of one kind only.
form.addEventListener("change", ({ target }) => {
  if (target.name !== "model" || !target.checked) return;
  const kind = target.closest("[data-kind]");
  for (const other of form.querySelectorAll("[name=model]:checked")) {
    if (!kind.contains(other)) other.checked = false;
  }
  for (const choice of form.querySelectorAll(".possible")) {
    choice.classList.toggle("is-current", choice.dataset.group === kind.dataset.kind);
  }
});

show();
nameMissing().catch(() => {});
