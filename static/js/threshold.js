// Moving the threshold shows its number at once, and what it comes to when it is let go.

const form = document.querySelector(".threshold");
const slide = form.elements.threshold;

slide.addEventListener("input", () => {
  form.querySelector("output").textContent = Number(slide.value).toFixed(2);
});
form.addEventListener("change", () => form.requestSubmit());
