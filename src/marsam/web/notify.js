// A notice of the system when the pictures are done and the page is not in view, if wanted.
(() => {
  const root = document.documentElement;
  const NOTIFY = "marsam-notify";
  const wantsNotice = () => {
    try { return localStorage.getItem(NOTIFY) === "yes" && Notification.permission === "granted"; } catch { return false; }
  };
  const showNotify = () => {
    const button = document.querySelector("[data-notify]");
    if (!button) return;
    button.hidden = !("Notification" in window) || Notification.permission === "denied";
    button.ariaPressed = String(wantsNotice());
  };
  document.addEventListener("click", async (event) => {
    if (!event.target.closest?.("[data-notify]")) return;
    const wanted = !wantsNotice() && (await Notification.requestPermission()) === "granted";
    try { localStorage.setItem(NOTIFY, wanted ? "yes" : "no"); } catch { /* for this page only */ }
    showNotify();
  });
  let wasPainting = false;
  new MutationObserver(() => {
    const status = document.querySelector("#status .status"), isPainting = Boolean(status?.dataset.title);
    if (wasPainting && !isPainting && document.hidden && wantsNotice()) {
      const line = status?.querySelector(`.line [lang="${root.lang}"]`);
      if (line) new Notification("Marsam · مرسم", { body: line.textContent, lang: root.lang, dir: root.dir });
    }
    wasPainting = isPainting;
    if (document.querySelector("[data-notify]:not([data-known])")) {
      document.querySelector("[data-notify]").dataset.known = "";
      showNotify();
    }
  }).observe(root, { childList: true, subtree: true });
})();
