// The page's language, before anything is drawn; copying; keys. Everything else is Gradio's.
(() => {
  const root = document.documentElement;
  const kept = (key, make) => {
    try {
      const value = localStorage.getItem(key) || make();
      localStorage.setItem(key, value);
      return value;
    } catch {
      return make(); // storage is forbidden: this visit only
    }
  };
  const random = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  const preferred = () => ((navigator.languages || [navigator.language])[0] || "").startsWith("ar") ? "ar" : "en";

  // Gradio's own words (in the upload box, say) follow the browser; this makes them follow us.
  const gradioSpeaks = async (language) => {
    const core = performance.getEntriesByType("resource").map((e) => e.name).find((n) => /\/assets\/core-[^/]*\.js$/.test(n));
    if (!core) return;
    try {
      const module = await import(core);
      for (const value of Object.values(module)) {
        if (typeof value === "function" && value.name === "changeLocale") value(language);
      }
    } catch { /* they stay in the browser's language */ }
  };

  const turn = (language) => {
    root.dataset.language = language;
    root.lang = language;
    root.dir = language === "ar" ? "rtl" : "ltr";
    document.title = language === "ar" ? "مرسم · Marsam" : "Marsam · مرسم";
  };
  turn(kept("marsam-language", preferred));
  // Gradio sets the browser's language again when it starts.
  new MutationObserver(() => {
    if (root.lang !== root.dataset.language) turn(root.dataset.language);
  }).observe(root, { attributes: true, attributeFilter: ["lang"] });

  window.marsam = {
    arrive() {
      gradioSpeaks(root.dataset.language);
      return [kept("marsam-visitor", random), root.dataset.language];
    },
    speak(language) {
      turn(language);
      gradioSpeaks(language);
      try { localStorage.setItem("marsam-language", language); } catch { /* this visit only */ }
      return language;
    },
    ready() {
      root.dataset.ready = "";
    },
  };

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // not a secure address: the old way
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  const press = (id) => {
    const button = document.querySelector(`button#${id}`);
    if (button && !button.disabled && button.offsetParent) button.click();
  };
  document.addEventListener("click", async (event) => {
    const other = event.target.closest?.("[data-press]");
    if (other) press(other.dataset.press);
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    await copy(button.dataset.copy);
    button.focus();
    const said = button.closest(".copy").querySelector(".copied");
    said.hidden = false;
    setTimeout(() => { said.hidden = true; }, 2000);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector(".gallery-container .preview")) press("stop");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) press("paint");
  });
})();
