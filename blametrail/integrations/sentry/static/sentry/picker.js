// The list of projects gains a filter with JavaScript; without it, the list is there in full.
"use strict";

for (const picker of document.querySelectorAll("[data-picker]")) {
  const search = picker.querySelector("[data-picker-search]");
  const field = search.querySelector("input");
  const options = [...picker.querySelectorAll("[data-words]")];
  const none = picker.querySelector("[data-picker-none]");
  const typed = picker.querySelector("[data-picker-typed]");
  search.hidden = false;

  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/);
    for (const option of options) {
      option.hidden = !words.every((word) => option.dataset.words.toLowerCase().includes(word));
    }
    none.hidden = options.some((option) => !option.hidden);
  };
  field.addEventListener("input", show);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    // Enter takes what is found, rather than sending a form that is not filled in yet.
    event.preventDefault();
    options.find((option) => !option.hidden)?.querySelector("input:enabled")?.click();
  });
  picker.querySelector("input[name='typed']").addEventListener("input", () => { typed.checked = true; });
  options.find((option) => option.querySelector(":checked"))?.scrollIntoView({ block: "nearest" });
}
