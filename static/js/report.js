// Printing, which needs a script; without it the browser's own menu does the same.

const button = document.querySelector("[data-print]");
button.hidden = false;
button.addEventListener("click", () => window.print());
