"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const $$ = (q, from = document) => [...from.querySelectorAll(q)];

  // Language: both are in the page; attributes and options carry theirs as data.
  const speak = (lang) => {
    root.dataset.lang = lang;
    root.lang = lang === "zh" ? "zh-Hans" : "en";
    document.title = root.dataset[lang === "zh" ? "titleZh" : "titleEn"];
    $$("[data-zh]").forEach((e) => {
      const text = e.dataset[lang];
      if (e.hasAttribute("placeholder")) { e.placeholder = text; e.setAttribute("aria-label", text); }
      else if (e.hasAttribute("aria-label")) e.setAttribute("aria-label", text);
      else e.textContent = text;
    });
    $$("[data-set-lang]").forEach((b) => b.setAttribute("aria-pressed", String(b.dataset.setLang === lang)));
    $$("table").forEach((t) => t.dispatchEvent(new Event("relabel")));
    try { localStorage.setItem("tidegauge-lang", lang); } catch { /* a page from a file may have no storage */ }
  };
  $$("[data-set-lang]").forEach((b) => b.addEventListener("click", () => speak(b.dataset.setLang)));
  $$("[data-print]").forEach((b) => b.addEventListener("click", () => window.print()));
  window.addEventListener("beforeprint", () => $$("details").forEach((d) => { d.dataset.was = d.open ? "1" : ""; d.open = true; }));
  window.addEventListener("afterprint", () => $$("details").forEach((d) => { d.open = d.dataset.was === "1"; }));

  // Tables: sort by a heading, filter by words and by choices, totals of what is shown.
  $$("table[data-live]").forEach((table) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const tools = table.closest(".card").querySelector(".facets");
    const cells = (r, i) => r.cells[i];
    const heads = $$("thead th", table);
    heads.forEach((th, i) => {
      const button = th.querySelector("button");
      if (!button) return;
      button.addEventListener("click", () => {
        const numeric = th.classList.contains("n");
        const down = th.getAttribute("aria-sort") === (numeric ? "descending" : "ascending") ? !numeric : numeric;
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        th.setAttribute("aria-sort", down ? "descending" : "ascending");
        const key = (r) => cells(r, i).dataset.v ?? cells(r, i).textContent;
        const known = rows.filter((r) => key(r) !== "");
        const missing = rows.filter((r) => key(r) === "");
        known.sort((a, b) => (numeric ? key(a) - key(b) : key(a).localeCompare(key(b), root.lang)) * (down ? -1 : 1));
        body.append(...known, ...missing);
      });
    });
    if (!tools) return;
    const query = tools.querySelector("input");
    const facets = $$("select", tools);
    const output = tools.querySelector("output");
    const show = () => {
      const words = query.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      const sums = {};
      rows.forEach((r) => {
        const text = r.textContent.toLowerCase();
        const fits = words.every((w) => text.includes(w)) &&
          facets.every((f) => f.value === "" || cells(r, Number(f.dataset.column)).dataset.v === f.value);
        r.hidden = !fits;
        if (!fits) return;
        shown += 1;
        $$("tfoot [data-sum]", table).forEach((foot) => {
          const i = foot.cellIndex;
          sums[i] = (sums[i] ?? 0) + Number(cells(r, i).dataset.v || 0);
        });
      });
      $$("tfoot [data-sum]", table).forEach((foot) => {
        foot.textContent = (sums[foot.cellIndex] ?? 0).toLocaleString("en-US", { maximumFractionDigits: 2 });
      });
      const form = root.dataset.lang === "zh" ? output.dataset.formZh : output.dataset.formEn;
      output.textContent = form.replace("{n}", shown).replace("{all}", rows.length);
    };
    query.addEventListener("input", show);
    facets.forEach((f) => f.addEventListener("change", show));
    table.addEventListener("relabel", show);
  });

  let lang = root.dataset.lang;
  try { lang = localStorage.getItem("tidegauge-lang") || lang; } catch { /* none */ }
  const asked = new URLSearchParams(location.search).get("lang") || lang;
  speak(asked === "en" ? "en" : "zh");
})();
