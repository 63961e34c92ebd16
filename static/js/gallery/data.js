// What the page came with, and the rows that it knows; each row is one result.

const element = document.getElementById("gallery-data");

export const page = JSON.parse(element.textContent);

export const rows = new Map();

export const CANNOT_TELL = "cannot tell";

export function rowOf(values) {
  return Object.fromEntries(page.columns.map((name, place) => [name, values[place]]));
}

// A result as the API gives it.
export function rowOfResult(result) {
  return {
    id: result.id,
    image: result.image.id,
    is_cut: rows.get(result.id)?.is_cut ?? false,
    name: result.image.path,
    group: result.group,
    predicted: result.predicted_label,
    confidence: result.confidence,
    certainty: result.certainty,
    state: result.review_state,
    label: result.reviewed_label,
    note: result.note,
  };
}

export function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

export function title(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function thumbnail(row) {
  return row.is_cut ? modelView(row) : `${page.images}${row.image}/thumbnail.png`;
}

export function picture(row) {
  return row.is_cut ? modelView(row) : `${page.images}${row.image}/image.png`;
}

export function modelView(row) {
  return `${page.predictions}${row.id}/model-view.png`;
}

const REVIEWED = { confirmed: "confirmed", corrected: "corrected", unclear: "cannot tell" };

// The state in words, for a screen reader and the tip.
export function words(row) {
  const said = REVIEWED[row.state];
  if (said === "corrected") return `corrected to ${row.label}`;
  return said ?? "not reviewed";
}
