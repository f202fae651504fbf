"use strict";
(() => {
  // Charts: every mark tells its figures in its label; show it near the pointer.
  const tip = Object.assign(document.createElement("div"), { id: "tip" });
  tip.setAttribute("aria-hidden", "true");
  document.body.append(tip);
  document.addEventListener("pointermove", (e) => {
    const mark = e.target instanceof Element ? e.target.closest('.draw [role="graphics-symbol"][aria-label]') : null;
    const told = mark && mark.getAttribute("aria-roledescription") !== "axis";
    tip.classList.toggle("on", Boolean(told));
    if (!told) return;
    tip.textContent = mark.getAttribute("aria-label");
    const x = Math.min(e.clientX + 14, window.innerWidth - tip.offsetWidth - 8);
    tip.style.left = `${Math.max(8, x)}px`;
    tip.style.top = `${Math.max(8, e.clientY - tip.offsetHeight - 10)}px`;
  });
})();
