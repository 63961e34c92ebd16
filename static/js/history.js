// Ticking results: the whole page at once, and how many are ticked.

const form = document.getElementById("selection");

if (form) {
  const page = form.querySelector("[data-tick-page]");
  const ticks = [...form.querySelectorAll("[name=prediction]")];
  const all = form.elements.namedItem("all");
  const count = form.querySelector(".selection-count");

  const show = () => {
    const ticked = ticks.filter((tick) => tick.checked).length;
    page.checked = ticked === ticks.length;
    page.indeterminate = ticked > 0 && ticked < ticks.length;
    count.textContent = !all.checked && ticked ? `${ticked} chosen` : "";
  };

  page.closest("label").hidden = false;
  page.addEventListener("change", () => {
    for (const tick of ticks) tick.checked = page.checked;
  });
  form.addEventListener("change", show);
  // A download leaves the page as it is, so its form may be sent again.
  form.addEventListener("submit", () => setTimeout(() => delete form.dataset.sent));
  show();
}
