// Choosing an image by dropping, pasting or from the samples; choosing a kind of image and a model.

const form = document.getElementById("classify-form");
const file = form.elements.image;
const drop = form.querySelector("[data-drop]");
const samples = [...form.querySelectorAll("[data-sample]")];
const kinds = [...form.querySelectorAll("[data-kind]")];
const submitWords = form.querySelector("[data-submit-words]");

function changed() {
  form.dispatchEvent(new Event("change", { bubbles: true }));
}

function models(dataset) {
  const scope = dataset ? form.querySelector(`.model-group[data-group="${dataset}"]`) : form;
  return [...(scope?.querySelectorAll("input[name=model]") ?? [])];
}

function chosenModel() {
  return models().find((model) => model.checked);
}

function nameModel() {
  const model = chosenModel();
  submitWords.textContent = model ? `Classify with ${model.dataset.title}` : "Classify";
}

function showKind(dataset) {
  for (const kind of kinds) kind.setAttribute("aria-pressed", String(kind.dataset.kind === dataset));
  for (const group of form.querySelectorAll("[data-group]")) {
    group.classList.toggle("is-current", group.dataset.group === dataset);
  }
}

function chooseKind(dataset) {
  if (!models(dataset).length) return;
  showKind(dataset);
  if (models(dataset).some((model) => model.checked)) return;
  // The recommended model comes first in its group.
  const [first] = models(dataset);
  first.checked = true;
  nameModel();
}

function forgetOtherSources() {
  form.elements.sample.value = "";
  form.elements.stored_image.value = "";
  for (const sample of samples) sample.removeAttribute("aria-current");
  form.querySelector("#image-errors").replaceChildren();
  // The number of a frame belongs to the file before.
  if (form.elements.frame) form.elements.frame.value = "";
}

function takeFiles(files) {
  if (!files.length) return;
  const transfer = new DataTransfer();
  // Of several the server says that it takes one at a time; for that, two need to be sent.
  for (const each of files.slice(0, 2)) transfer.items.add(each);
  file.files = transfer.files;
  forgetOtherSources();
  changed();
}

function takeSample(link) {
  file.value = "";
  forgetOtherSources();
  form.elements.sample.value = link.dataset.sample;
  link.setAttribute("aria-current", "true");
  chooseKind(link.dataset.dataset);
  changed();
}

function remove() {
  file.value = "";
  forgetOtherSources();
  changed();
  file.focus();
}

form.addEventListener("click", (event) => {
  const link = event.target.closest("[data-sample], [data-remove]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if ("sample" in link.dataset) takeSample(link);
  else remove();
});

file.addEventListener("change", forgetOtherSources);

for (const kind of kinds) {
  kind.addEventListener("click", () => {
    chooseKind(kind.dataset.kind);
    changed();
  });
}

form.addEventListener("change", nameModel);

document.addEventListener("paste", (event) => {
  takeFiles([...event.clipboardData.files]);
});

// Dropping beside the zone would make the browser leave the page.
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("is-over");
});

document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("is-over");
});

document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("is-over");
  takeFiles([...event.dataTransfer.files]);
});

function say(message) {
  const error = document.createElement("p");
  error.className = "error";
  error.textContent = message;
  form.querySelector("#form-errors").replaceChildren(...(message ? [error] : []));
}

form.addEventListener("htmx:beforeRequest", () => say(""));
form.addEventListener("htmx:sendError", () =>
  say("The server cannot be reached. Nothing was sent; try again in a moment."),
);
form.addEventListener("htmx:responseError", ({ detail }) => {
  // The server reads nothing of so large a request, and has no words about its file.
  if (detail.xhr.status === 413) {
    say(`This file is larger than ${form.dataset.maxMegabytes} MB. Crop the image or scale it down.`);
    return;
  }
  // A full disk is told in the server's own words, which are in their place by now.
  if (form.querySelector("#form-errors .error")) return;
  say("The server could not take this. Nothing was stored; reload the page and try again.");
});

// After a refusal the focus goes to the field that has to be changed.
form.addEventListener("htmx:afterRequest", (event) => {
  if (event.detail.elt !== form || event.detail.xhr.status < 400) return;
  if (form.querySelector("#image-errors .error")) file.focus();
  else if (form.querySelector("#model-errors .error")) models()[0]?.focus();
});

// A page that the browser restores keeps its radios but not what was drawn from them.
const model = chosenModel();
if (model) showKind(model.closest("[data-group]").dataset.group);
nameModel();
