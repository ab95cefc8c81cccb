// "Paint while I type": asks for a picture when a person has stopped typing for a moment.
(() => {
  const KEY = "marsam-live", PAUSE_MS = 400;
  const box = () => document.querySelector("#live input");
  let timer;
  // Without an answer to an earlier page of this tab, the box stays as it is.
  window.marsam.wantsLive = () => {
    try { return sessionStorage.getItem(KEY) === "yes" && !box()?.disabled; } catch { return false; }
  };
  window.marsam.followTyping = (trigger) => document.addEventListener("input", ({ target }) => {
    if (!target.closest?.("#english textarea, #arabic textarea")) return;
    clearTimeout(timer);
    timer = setTimeout(() => box()?.checked && trigger("input"), PAUSE_MS);
  });
  document.addEventListener("change", ({ target }) => {
    if (target !== box()) return;
    try { sessionStorage.setItem(KEY, target.checked ? "yes" : "no"); } catch { /* for this page only */ }
  });
})();
