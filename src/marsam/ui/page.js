// The page's language, before anything is drawn; copying; pasting; keys. Everything else is Gradio's.
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

  // What Gradio says in English only: for each language, what to look for and what to say.
  const phrases = (said, meant) => window.marsam.gradio.map((word) => [
    new RegExp(`^${word[said].split("{}").join("(.*)")}$`), word[meant],
  ]);
  const table = { ar: phrases(0, 1), en: phrases(1, 0) };
  const translated = (text) => {
    for (const [pattern, meant] of table[root.dataset.language]) {
      const found = pattern.exec(text?.trim());
      if (found) return found.slice(1).reduce((line, part) => line.replace("{}", () => part), meant);
    }
    return null;
  };
  const relabel = (element) => {
    for (const name of ["aria-label", "title"]) {
      const text = translated(element.getAttribute(name));
      if (text !== null) element.setAttribute(name, text);
    }
    if (!element.closest("#picture")) return;
    for (const node of element.childNodes) {
      const text = node.nodeType === Node.TEXT_NODE ? translated(node.data) : null;
      if (text !== null) node.data = text;
    }
  };
  const relabelAll = (within) => [within, ...within.querySelectorAll("*")].forEach(relabel);
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "attributes") relabel(change.target);
      for (const node of change.addedNodes) if (node instanceof Element) relabelAll(node);
    }
  }).observe(root, { attributes: true, attributeFilter: ["aria-label", "title"], childList: true, subtree: true });

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

  Object.assign(window.marsam, {
    arrive() {
      gradioSpeaks(root.dataset.language);
      return [kept("marsam-visitor", random), root.dataset.language];
    },
    speak(language) {
      turn(language);
      relabelAll(document.body);
      gradioSpeaks(language);
      try { localStorage.setItem("marsam-language", language); } catch { /* this visit only */ }
      return language;
    },
    ready() {
      root.dataset.ready = "";
    },
  });

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
  // A picture pasted or dropped anywhere is meant for the one place that takes pictures.
  const take = (event, data) => {
    const file = Array.from(data?.files || []).find((one) => one.type.startsWith("image/"));
    const input = document.querySelector("#picture input[type=file]");
    if (!file || !input || event.defaultPrevented) return;
    event.preventDefault();
    const given = new DataTransfer();
    given.items.add(file);
    input.files = given.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("paste", (event) => {
    const writing = event.target.closest?.("textarea, input") && event.clipboardData?.getData("text");
    if (!writing) take(event, event.clipboardData);
  });
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => take(event, event.dataTransfer));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector(".gallery-container .preview")) press("stop");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) press("paint");
  });
})();
