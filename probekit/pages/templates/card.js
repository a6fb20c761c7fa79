"use strict";
const announcer = document.getElementById("said");
function sortTable(table) {
  const head = table.querySelector("th[aria-sort]");
  const column = [...head.parentElement.children].indexOf(head);
  const sign = head.getAttribute("aria-sort") === "ascending" ? 1 : -1;
  const key = (line) => line.children[column].dataset.key ?? "";
  const compare = (a, b) => {
    if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
    const difference = key(a) - key(b);
    return (Number.isNaN(difference) ? key(a).localeCompare(key(b)) : difference) * sign;
  };
  for (const body of table.tBodies) body.append(...[...body.rows].filter((line) => !line.matches(".family")).sort(compare));
}
for (const button of document.querySelectorAll("th > button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    for (const cell of head.parentElement.children) cell.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    sortTable(head.closest("table"));
    announcer.textContent = `Sorted by ${button.textContent.trim()}, ${ascending ? "ascending" : "descending"}.`;
  });
}
for (const button of document.querySelectorAll("button.by-family")) {
  const table = document.getElementById(button.getAttribute("aria-controls"));
  const [first, ...rest] = table.tBodies;
  const families = [first, ...rest].map((body) => [body, [...body.rows].slice(1)]);
  button.addEventListener("click", () => {
    const grouped = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", grouped);
    table.classList.toggle("ungrouped", !grouped);
    for (const [body, lines] of families) (grouped ? body : first).append(...lines);
    for (const body of rest) body.hidden = !grouped;
    first.querySelector(".family").hidden = !grouped;
    sortTable(table);
    announcer.textContent = grouped ? "Rows are grouped by family." : "Rows of all families are in one list.";
  });
}
for (const button of document.querySelectorAll("button.unfold:not([popovertarget], .by-family)")) {
  button.addEventListener("click", () => {
    const folds = [...document.querySelectorAll("details")];
    const open = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = open;
    for (const table of document.querySelectorAll(".many")) table.classList.toggle("folded", !open);
    announcer.textContent = open ? "All sections are open." : "All sections are closed.";
  });
}
