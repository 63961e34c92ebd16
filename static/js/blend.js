// Explanations: how much of a map lies over its image, and where the focus goes.

document.addEventListener("input", (event) => {
  if (!event.target.matches("[data-blend]")) return;
  const map = event.target.closest(".explanation").querySelector(".blend-map");
  map.style.opacity = event.target.value / 100;
});

// The button that asked is gone then, and the focus with it.
document.addEventListener("htmx:afterSwap", (event) => {
  const { requestConfig, target } = event.detail;
  if (requestConfig.verb !== "post" || !target.matches(".explanation")) return;
  document.getElementById(target.id)?.focus({ preventScroll: true });
});
