// The box of what the model sees, on the preview: moved and resized by pointer and by keys.

const form = document.getElementById("classify-form");
const picture = document.getElementById("picture");
const said = document.getElementById("box-said");
const fields = ["box_left", "box_upper", "box_side"].map((name) => form.elements[name]);
const HANDLE = 24;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
let pause;
let hadFocus = false;

const shown = () => picture.querySelector("[data-box]");

function read(box) {
  return [box.dataset.left, box.dataset.upper, box.dataset.side].map(Number);
}

function size(box) {
  const { width, height } = box.ownerSVGElement.viewBox.baseVal;
  return [width, height];
}

function place(box, [left, upper, side]) {
  const [width, height] = size(box);
  const whole = Math.round(Math.min(Math.max(side, 1), width, height));
  const x = Math.round(Math.min(Math.max(left, 0), width - whole));
  const y = Math.round(Math.min(Math.max(upper, 0), height - whole));
  Object.assign(box.dataset, { left: x, upper: y, side: whole });
  for (const rect of box.querySelectorAll("rect")) {
    for (const [name, value] of Object.entries({ x, y, width: whole, height: whole })) rect.setAttribute(name, value);
  }
  const corner = box.querySelector("[data-corner]");
  // As large on the screen whatever the scale of the picture.
  const scale = box.getScreenCTM()?.a || 1;
  corner.setAttribute("r", HANDLE / 2 / scale);
  corner.setAttribute("cx", x + whole);
  corner.setAttribute("cy", y + whole);
}

function write(box) {
  read(box).forEach((value, index) => { fields[index].value = value; });
}

/** The person chose this box: it is sent after a moment without another move. */
function choose(box, wanted, wait) {
  place(box, wanted);
  write(box);
  form.elements.crop.value = "box";
  clearTimeout(pause);
  pause = setTimeout(() => {
    const [left, upper, side] = read(box);
    said.textContent = `Box of ${side} pixels, from ${left} across and ${upper} down.`;
    form.dispatchEvent(new Event("change", { bubbles: true }));
  }, wait);
}

function point(box, event) {
  const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(box.getScreenCTM().inverse());
  return [at.x, at.y];
}

picture.addEventListener("pointerdown", (event) => {
  const box = event.target.closest("[data-box]");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.setPointerCapture(event.pointerId);
  const [startX, startY] = point(box, event);
  const [left, upper, side] = read(box);
  const isCorner = event.target.matches("[data-corner]");
  const move = (moved) => {
    const [x, y] = point(box, moved);
    const [across, down] = [x - startX, y - startY];
    const grown = Math.min(side + Math.max(across, down), size(box)[0] - left, size(box)[1] - upper);
    choose(box, isCorner ? [left, upper, grown] : [left + across, upper + down, side], 250);
  };
  box.addEventListener("pointermove", move);
  for (const end of ["pointerup", "pointercancel"]) {
    box.addEventListener(end, () => box.removeEventListener("pointermove", move), { once: true });
  }
});

picture.addEventListener("keydown", (event) => {
  const box = event.target.closest("[data-box]");
  if (!box || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = Math.max(1, Math.round(size(box)[0] / 200)) * (event.shiftKey ? 10 : 1);
  const [left, upper, side] = read(box);
  const grow = { "+": step, "=": step, "-": -step, "_": -step }[event.key];
  const by = STEPS[event.key];
  if (!grow && !by) return;
  event.preventDefault();
  if (by) choose(box, [left + by[0] * step, upper + by[1] * step, side], 500);
  else choose(box, [left - grow, upper - grow, side + 2 * grow], 500);
});

function setUp() {
  const box = shown();
  if (!box) return;
  place(box, read(box));
  // What is found is where a box of one's own starts from.
  if (form.elements.crop.value !== "box") write(box);
  if (hadFocus) box.focus();
  hadFocus = false;
}

document.body.addEventListener("htmx:oobBeforeSwap", (event) => {
  if (event.detail.target === picture) hadFocus = document.activeElement === shown();
});
document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target === picture) setUp();
});
window.addEventListener("resize", setUp);
setUp();
