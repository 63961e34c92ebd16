// What the pages share that files are brought to: how files are chosen, and what is said of them.

import { chosenFiles, droppedFiles, isWorthSending } from "./files.js";
import { size } from "./list.js";
import { Later } from "./site.js";

export class BringForm {
  /** `isSending()` tells whether files can be added; `add(found)` takes those that were chosen. */
  constructor(form, maxBytes, { isSending, add }) {
    Object.assign(this, { form, maxBytes, isSending, add });
    this.drop = form.querySelector("[data-drop]");
    for (const input of form.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => {
        add(chosenFiles(input));
        // The same folder can then be chosen again.
        input.value = "";
      });
    }
    document.addEventListener("dragover", (event) => {
      event.preventDefault();
      this.drop.classList.add("is-over");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) this.drop.classList.remove("is-over");
    });
    document.addEventListener("drop", (event) => this.#dropped(event));
    document.addEventListener("paste", (event) => {
      if (!isSending() && event.clipboardData.files.length) add(chosenFiles(event.clipboardData));
    });
    window.addEventListener("beforeunload", (event) => {
      if (isSending()) event.preventDefault();
    });
  }

  tell(words) {
    this.form.querySelector("#said").textContent = words;
  }

  complain(words) {
    const error = document.createElement("p");
    error.className = "error";
    error.textContent = words;
    this.form.querySelector("#form-errors").replaceChildren(...(words ? [error] : []));
  }

  trouble(words) {
    const place = this.form.querySelector("#trouble");
    place.hidden = !words;
    if (place.textContent !== words) place.textContent = words;
  }

  /** The answer of the server, which is asked again until there is one. */
  async patiently(ask) {
    for (;;) {
      try {
        const answer = await ask();
        this.trouble("");
        return answer;
      } catch (error) {
        if (!(error instanceof Later)) throw error;
        this.trouble(`${error.message} Trying again.`);
        await new Promise((resolve) => setTimeout(resolve, 1000 * (error.seconds || 3)));
      }
    }
  }

  /** What is worth sending of what was found, and not among the items yet; by path. */
  worth(found, items) {
    const known = new Set(items.map((item) => item.path));
    return found
      .filter((each) => isWorthSending(each) && !known.has(each.path))
      .sort((one, other) => one.path.localeCompare(other.path, "en", { numeric: true }));
  }

  itemOf({ file, path }) {
    const item = { file, path, size: file.size, isArchive: /\.zip$/i.test(path), state: "waiting" };
    if (!item.isArchive && file.size > this.maxBytes) {
      Object.assign(item, { state: "refused", reason: `It is larger than ${size(this.maxBytes)}.` });
    }
    return item;
  }

  async #dropped(event) {
    event.preventDefault();
    this.drop.classList.remove("is-over");
    if (this.isSending()) return;
    this.tell("Reading the folder.");
    this.add(await droppedFiles(event.dataTransfer));
  }
}
