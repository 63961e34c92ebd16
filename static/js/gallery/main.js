// The gallery: groups of images that are looked through, corrected and confirmed.

import { gallery, settleAll } from "./grid.js";
import { loadAll, watch } from "./live.js";
import { say } from "./messages.js";
import "./keys.js";
import "./pointer.js";
import "./tip.js";

const SIZE = "gallery-size";

function resize(size) {
  gallery.dataset.size = size;
  for (const button of document.querySelectorAll("[data-size-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.sizeChoice === size));
  }
}

for (const button of document.querySelectorAll("[data-size-choice]")) {
  button.addEventListener("click", () => {
    localStorage.setItem(SIZE, button.dataset.sizeChoice);
    resize(button.dataset.sizeChoice);
    settleAll();
  });
}

if (gallery) {
  resize(localStorage.getItem(SIZE) ?? "m");
  loadAll()
    .catch((trouble) => say(`${trouble.message} Some images are missing here; load this page again.`, { isTrouble: true }))
    .finally(() => gallery.setAttribute("aria-busy", "false"));
  watch();
}
