// What the pages gain with JavaScript. Each works without it: menus are <details>, live parts are part of the page.
"use strict";

(() => {
  const isTyping = (element) => element.matches("input, textarea, select, [contenteditable]");
  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu !== except) menu.open = false;
    }
  };

  // Menus close as people expect: a click elsewhere, Escape, the focus leaving.
  document.addEventListener("click", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("focusin", (event) => closeMenus(event.target.closest("details.menu")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = event.target.closest("details.menu[open]");
    closeMenus();
    menu?.querySelector("summary").focus();
  });

  // Buttons that only make sense with JavaScript stand hidden in the page.
  for (const button of document.querySelectorAll("[data-opens], [data-copies]")) button.hidden = false;
  document.addEventListener("click", async (event) => {
    const opener = event.target.closest("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens).showModal();
    const copier = event.target.closest("[data-copies]");
    if (!copier) return;
    const source = document.getElementById(copier.dataset.copies);
    try {
      await navigator.clipboard.writeText(source.value ?? source.textContent.trim());
      copier.dataset.label ??= copier.textContent;
      copier.textContent = "Copied";
      setTimeout(() => { copier.textContent = copier.dataset.label; }, 1500);
    } catch {
      // Without permission (or without TLS) the person copies by hand: select it for them.
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
    }
  });

  // A form that came back with faults: take the person to the first.
  document.querySelector("[aria-invalid='true']")?.focus();

  // A form is sent once, however often its button is pressed.
  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post" || event.target.matches("[hx-post]")) return;
    if (event.target.dataset.sent) event.preventDefault();
    event.target.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // Filters apply as soon as they are chosen; the button remains for those without JavaScript.
  for (const form of document.querySelectorAll("form[data-applies-itself]")) {
    form.querySelector("[data-apply]")?.setAttribute("hidden", "");
    form.addEventListener("change", (event) => { if (event.target.matches("select")) form.requestSubmit(); });
    form.addEventListener("formdata", ({ formData }) => {
      for (const [name, value] of [...formData]) if (!value) formData.delete(name);
    });
  }

  // A row leads where its link leads, unless the click was meant for something else in it.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("tr")?.querySelector("[data-row-link]");
    if (!link || event.target.closest("a, button, summary, label") || !getSelection().isCollapsed) return;
    const { ctrlKey, metaKey, shiftKey } = event;
    link.dispatchEvent(new MouseEvent("click", { ctrlKey, metaKey, shiftKey, bubbles: true, cancelable: true }));
  });

  // Live parts: nobody looks at a hidden tab; a redirect (to sign-in, say) must not be swapped into the page.
  const isLive = (event) => event.detail.elt.matches("[data-live]");
  const say = (isStale) => document.body.classList.toggle("is-stale", isStale);
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (isLive(event) && (document.hidden || hasOpenMenu(event.detail.elt))) event.preventDefault();
  });
  const hasOpenMenu = (part) => part.querySelector("details[open]") !== null;
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (!event.detail.target?.matches("[data-live]")) return;
    const { xhr, pathInfo } = event.detail;
    if (new URL(xhr.responseURL).pathname === pathInfo.requestPath.split("?")[0]) return;
    event.detail.shouldSwap = false;
    location.reload();
  });
  document.addEventListener("htmx:afterRequest", (event) => { if (isLive(event)) say(event.detail.failed === true); });
  document.addEventListener("htmx:sendError", () => say(true));

  // Shortcuts. "g" begins a journey; its second key is written on the link it follows.
  let lastKey = "";
  const keys = {
    "?": () => document.getElementById("shortcuts")?.showModal(),
    "/": () => document.querySelector("input[type='search']")?.focus(),
    c: () => {
      const place = document.querySelector("[data-shortcut='c']");
      if (place?.matches("a")) place.click();
      else place?.focus();
    },
    j: () => step(1),
    k: () => step(-1),
  };
  const step = (distance) => {
    const links = [...document.querySelectorAll("[data-row-link]")];
    const place = links.indexOf(document.activeElement);
    links[place < 0 ? 0 : Math.min(links.length - 1, Math.max(0, place + distance))]?.focus();
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]")) return;
    const link = lastKey === "g" && document.querySelector(`.nav [data-key="${CSS.escape(event.key)}"]`);
    lastKey = link ? "" : event.key;
    if (link) link.click();
    else if (keys[event.key]) {
      event.preventDefault();
      keys[event.key]();
    }
  });
})();
