"use strict";
const announcer = document.getElementById("said");
for (const button of document.querySelectorAll("th > button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement;
    const row = head.parentElement;
    const column = [...row.children].indexOf(head);
    const body = row.closest("table").tBodies[0];
    const ascending = head.getAttribute("aria-sort") !== "ascending";
    const key = (line) => line.children[column].dataset.key ?? "";
    const compare = (a, b) => {
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === "");
      const difference = key(a) - key(b);
      return (Number.isNaN(difference) ? key(a).localeCompare(key(b)) : difference) * (ascending ? 1 : -1);
    };
    for (const cell of row.children) cell.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    body.append(...[...body.rows].sort(compare));
    announcer.textContent = `Sorted by ${button.textContent.trim()}, ${ascending ? "ascending" : "descending"}.`;
  });
}
for (const button of document.querySelectorAll("button.unfold")) {
  button.addEventListener("click", () => {
    const folds = [...document.querySelectorAll("details")];
    const open = folds.some((fold) => !fold.open);
    for (const fold of folds) fold.open = open;
    for (const table of document.querySelectorAll(".many")) table.classList.toggle("folded", !open);
    announcer.textContent = open ? "All sections are open." : "All sections are closed.";
  });
}
