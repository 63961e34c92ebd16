// What the page says: quietly below, and to a screen reader.

const line = document.getElementById("gallery-message");
let timer = 0;

export function say(text, { isTrouble = false } = {}) {
  clearTimeout(timer);
  line.textContent = text;
  line.classList.toggle("is-trouble", isTrouble);
  line.hidden = false;
  timer = setTimeout(() => { line.hidden = true; }, isTrouble ? 12000 : 4000);
}
