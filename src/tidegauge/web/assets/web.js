"use strict";
// The page works without this script; with it, parts change in place, waits end by themselves, tables sort and filter.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const $$ = (q, from = document) => [...from.querySelectorAll(q)];

  // One part of a page from our own server, put where it belongs.
  const fetchPart = async (url, signal) => {
    const answer = await fetch(url, { headers: { "X-Part": "1" }, credentials: "same-origin", signal });
    if (answer.redirected && !answer.url.includes(url.split("?")[0])) { location.assign(answer.url); return null; }
    return answer.text();
  };
  const put = (target, html) => {
    const active = document.activeElement;
    const held = active && target.contains(active) && active.name ? active.name : null;
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const whole = holder.content.querySelector("#content");
    if (whole && target === document.body) { document.querySelector("#content").replaceWith(whole); start(whole); return; }
    const first = holder.content.firstElementChild;
    if (target.id && first && first.id === target.id) { target.replaceWith(holder.content); target = document.getElementById(target.id) ?? first; }
    else target.replaceChildren(holder.content);
    start(target);
    if (held) target.querySelector(`[name="${CSS.escape(held)}"]`)?.focus();
  };

  // Waiting: ask again until the answer waits no more; slower as time goes on.
  const poll = (waiter) => {
    if (waiter.dataset.polling) return;
    waiter.dataset.polling = "1";
    const into = waiter.dataset.pollInto ? document.querySelector(waiter.dataset.pollInto) : waiter.closest("[data-part]");
    let pause = 700;
    const ask = async () => {
      if (!waiter.isConnected) return;
      try {
        const html = await fetchPart(waiter.dataset.poll);
        if (html === null || !waiter.isConnected) return;
        const holder = document.createElement("template");
        holder.innerHTML = html;
        const still = holder.content.querySelector("[data-poll]");
        if (still) {
          const [was, now] = [waiter, still].map((w) => w.querySelector("progress"));
          if (was && now && now.hasAttribute("value")) { was.value = now.value; was.setAttribute("aria-label", now.getAttribute("aria-label")); }
          $$("p", waiter).forEach((p, i) => { const q = $$("p", still)[i]; if (q && q.textContent !== p.textContent) p.textContent = q.textContent; });
          pause = Math.min(pause * 1.15, 4000);
          setTimeout(ask, pause);
        } else put(into ?? waiter, html);
      } catch { setTimeout(ask, 4000); }
    };
    setTimeout(ask, pause);
  };

  // Filters: the list follows what is typed; the address keeps it, so that it can be sent on.
  const live = (form) => {
    const into = document.querySelector(form.dataset.liveForm);
    let timer, busy;
    const go = (url, remember) => {
      busy?.abort();
      busy = new AbortController();
      into.setAttribute("aria-busy", "true");
      fetchPart(url, busy.signal).then((html) => {
        if (html === null) return;
        put(into, html);
        into.removeAttribute("aria-busy");
        if (remember) history.replaceState(null, "", url);
      }).catch(() => {});
    };
    const asked = () => {
      const data = new FormData(form);
      const query = new URLSearchParams([...data].filter(([, v]) => v !== ""));
      return `${form.getAttribute("action")}?${query}`;
    };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => go(asked(), true), 180); });
    form.addEventListener("submit", (e) => { e.preventDefault(); clearTimeout(timer); go(asked(), true); });
    into.addEventListener("click", (e) => {
      const link = e.target instanceof Element ? e.target.closest("a[data-into], .pager a") : null;
      if (!link || e.metaKey || e.ctrlKey || e.shiftKey) return;
      e.preventDefault();
      const query = new URL(link.href).searchParams;
      for (const name of ["sort", "down"]) if (query.has(name) && form.elements[name]) form.elements[name].value = query.get(name);
      go(link.getAttribute("href"), true);
      into.scrollIntoView({ block: "nearest" });
    });
  };

  // Tables: sort by a heading, filter by words and choices, totals of what is shown.
  const table = (t) => {
    const body = t.tBodies[0];
    const rows = [...body.rows];
    const heads = $$("thead th", t);
    const key = (r, i) => r.cells[i].dataset.v ?? r.cells[i].textContent.trim();
    heads.forEach((th, i) => th.querySelector("button")?.addEventListener("click", () => {
      const numeric = th.classList.contains("n");
      const down = th.getAttribute("aria-sort") === (numeric ? "descending" : "ascending") ? !numeric : numeric;
      heads.forEach((h) => h.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", down ? "descending" : "ascending");
      const known = rows.filter((r) => key(r, i) !== "");
      known.sort((a, b) => (numeric ? key(a, i) - key(b, i) : key(a, i).localeCompare(key(b, i), root.lang)) * (down ? -1 : 1));
      body.append(...known, ...rows.filter((r) => key(r, i) === ""));
    }));
    const tools = t.closest(".card")?.querySelector(".facets");
    if (!tools) return;
    const query = tools.querySelector("[data-filter]");
    const facets = $$("select", tools);
    const output = tools.querySelector("output");
    const show = () => {
      const words = (query?.value ?? "").trim().toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      const sums = {};
      rows.forEach((r) => {
        const text = r.textContent.toLowerCase();
        const fits = words.every((w) => text.includes(w)) && facets.every((f) => f.value === "" || key(r, Number(f.dataset.column)) === f.value);
        r.hidden = !fits;
        if (!fits) return;
        shown += 1;
        $$("tfoot [data-sum]", t).forEach((foot) => { sums[foot.cellIndex] = (sums[foot.cellIndex] ?? 0) + Number(key(r, foot.cellIndex) || 0); });
      });
      $$("tfoot [data-sum]", t).forEach((foot) => { foot.textContent = (sums[foot.cellIndex] ?? 0).toLocaleString("en-US", { maximumFractionDigits: 2 }); });
      output.textContent = output.dataset.form.replace("{n}", shown).replace("{all}", rows.length);
    };
    query?.addEventListener("input", show);
    facets.forEach((f) => f.addEventListener("change", show));
  };

  // A slider over panels that are all there: one is shown.
  const slider = (box) => {
    const range = box.querySelector("input[type=range]");
    const panels = $$(".panel", box);
    const show = () => {
      panels.forEach((p, i) => { p.hidden = i !== Number(range.value); });
      range.setAttribute("aria-valuetext", panels[Number(range.value)]?.dataset.told ?? "");
    };
    range.addEventListener("input", show);
    show();
  };

  const start = (from) => {
    $$("[data-slider]", from).forEach(slider);
    $$("[data-poll]", from).forEach(poll);
    if (from.matches?.("[data-poll]")) poll(from);
    $$("table[data-live]", from).forEach(table);
    $$("form[data-live-form]", from).forEach(live);
    $$("[data-load]", from).forEach((e) => fetchPart(e.dataset.load).then((html) => { if (html !== null) put(e, html); }).catch(() => {}));
    // A form of its own that takes along what is ticked in another.
    $$("button[data-copy]", from).forEach((b) => b.addEventListener("click", () => {
      const form = document.getElementById(b.getAttribute("form"));
      $$("input[data-copied]", form).forEach((i) => i.remove());
      $$(`${b.dataset.from} input[name="${b.dataset.copy}"]:checked`).forEach((i) => {
        const copy = Object.assign(document.createElement("input"), { type: "hidden", name: b.dataset.copy, value: i.value });
        copy.dataset.copied = "1";
        form.append(copy);
      });
    }));
  };

  document.addEventListener("click", (e) => {
    const link = e.target instanceof Element ? e.target.closest("a[data-into]") : null;
    if (!link || e.defaultPrevented || e.metaKey || e.ctrlKey) return;
    const into = link.closest("[data-part]");
    if (!into) return;
    e.preventDefault();
    fetchPart(link.getAttribute("href")).then((html) => { if (html !== null) put(into, html); });
  });
  window.addEventListener("beforeprint", () => $$("details").forEach((d) => { d.dataset.was = d.open ? "1" : ""; d.open = true; }));
  window.addEventListener("afterprint", () => $$("details").forEach((d) => { d.open = d.dataset.was === "1"; }));

  start(document);
})();
