"use strict";
// A link to a closed part opens it.
function openTarget() {
  const part = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!part) return;
  for (let each = part; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  part.scrollIntoView();
}
addEventListener("hashchange", openTarget);
addEventListener("load", openTarget);

// Paper shows every part, but not what stands in a part and is closed: the whole code beside a difference, and figures of validation.
addEventListener("beforeprint", () => document.querySelectorAll("section > details").forEach((each) => { each.open = true; }));
document.querySelectorAll("button[data-open]").forEach((button) => button.addEventListener("click", () => {
  const parts = [...button.closest("section").querySelectorAll("details")];
  const open = parts.some((each) => !each.open);
  parts.forEach((each) => { each.open = open; });
}));

// The replay hides what belongs to later rounds.
const replay = document.getElementById("replay");
if (replay) {
  const slider = replay.querySelector("input"), label = replay.querySelector("output");
  const [back, next] = replay.querySelectorAll("button");
  const last = Number(slider.max);
  const show = () => {
    const at = Number(slider.value), ended = at === last;
    document.querySelectorAll("[data-round]").forEach((each) => each.toggleAttribute("hidden", !ended && Number(each.dataset.round) > at));
    document.querySelectorAll("[data-step]").forEach((each) => each.toggleAttribute("hidden", Number(each.dataset.step) !== at));
    document.querySelectorAll("[data-end]").forEach((each) => each.toggleAttribute("hidden", !ended));
    label.value = ended ? "the end of the run" : `after round ${at} of ${last - 1}`;
    slider.setAttribute("aria-valuetext", label.value);
    back.disabled = at === Number(slider.min);
    next.disabled = ended;
  };
  slider.addEventListener("input", show);
  back.addEventListener("click", () => { slider.value = Number(slider.value) - 1; show(); });
  next.addEventListener("click", () => { slider.value = Number(slider.value) + 1; show(); });
  show();
}

// A served page asks whether the run has changed, and keeps open what is open when it loads again.
const version = document.documentElement.dataset.version;
if (version) {
  const kept = JSON.parse(sessionStorage.getItem("kept") || "null");
  if (kept) {
    kept.open.forEach((id) => { const part = document.getElementById(id); if (part) part.open = true; });
    scrollTo(0, kept.top);
    sessionStorage.removeItem("kept");
  }
  setInterval(async () => {
    try {
      const answer = await fetch("version", { cache: "no-store" });
      if (!answer.ok || (await answer.text()) === version) return;
      const open = [...document.querySelectorAll("details[open][id]")].map((each) => each.id);
      sessionStorage.setItem("kept", JSON.stringify({ open, top: scrollY }));
      location.reload();
    } catch (error) { /* The server has ended. */ }
  }, 2000);
}
