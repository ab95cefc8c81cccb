// The language before the page is drawn, copy buttons, pasted pictures, keyboard shortcuts. Gradio does the rest.
(() => {
  const root = document.documentElement;
  const stored = (key, make) => {
    try {
      const value = localStorage.getItem(key) || make();
      localStorage.setItem(key, value);
      return value;
    } catch {
      return make(); // storage is disabled: for this page only
    }
  };
  const random = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, "0")).join("");
  const preferred = () => ((navigator.languages || [navigator.language])[0] || "").startsWith("ar") ? "ar" : "en";

  // Gradio's own text, such as that of the upload box, follows the browser's language; now the page's.
  const setGradioLanguage = async (language) => {
    const core = performance.getEntriesByType("resource").map((e) => e.name).find((n) => /\/assets\/core-[^/]*\.js$/.test(n));
    if (!core) return;
    try {
      const module = await import(core);
      for (const value of Object.values(module)) {
        if (typeof value === "function" && value.name === "changeLocale") value(language);
      }
    } catch { /* it stays in the browser's language */ }
  };

  // Labels that Gradio has in English only: for each language, patterns and replacements.
  const patterns = (from, to) => window.marsam.gradio.map((label) => [
    new RegExp(`^${label[from].split("{}").join("(.*)")}$`), label[to],
  ]);
  const replacements = { ar: patterns(0, 1), en: patterns(1, 0) };
  const translated = (text) => {
    for (const [pattern, label] of replacements[root.dataset.language]) {
      const match = pattern.exec(text?.trim());
      if (match) return match.slice(1).reduce((line, part) => line.replace("{}", () => part), label);
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

  const setDirection = (language) => {
    root.dataset.language = language;
    root.lang = language;
    root.dir = language === "ar" ? "rtl" : "ltr";
    document.title = language === "ar" ? "مرسم · Marsam" : "Marsam · مرسم";
  };
  setDirection(stored("marsam-language", preferred));
  // Gradio sets the browser's language again when it starts.
  new MutationObserver(() => {
    if (root.lang !== root.dataset.language) setDirection(root.dataset.language);
  }).observe(root, { attributes: true, attributeFilter: ["lang"] });

  Object.assign(window.marsam, {
    load() {
      setGradioLanguage(root.dataset.language);
      return [stored("marsam-client", random), root.dataset.language];
    },
    setLanguage(language) {
      setDirection(language);
      relabelAll(document.body);
      setGradioLanguage(language);
      try { localStorage.setItem("marsam-language", language); } catch { /* for this page only */ }
      return language;
    },
    ready() {
      root.dataset.ready = "";
    },
  });

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // not allowed on addresses without HTTPS
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
    const notice = button.closest(".copy").querySelector(".copied");
    notice.hidden = false;
    setTimeout(() => { notice.hidden = true; }, 2000);
  });
  // A picture pasted or dropped anywhere goes to the picture box.
  const addPicture = (event, data) => {
    const file = Array.from(data?.files || []).find((one) => one.type.startsWith("image/"));
    const input = document.querySelector("#picture input[type=file]");
    if (!file || !input || event.defaultPrevented) return;
    event.preventDefault();
    const transfer = new DataTransfer();
    transfer.items.add(file);
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("paste", (event) => {
    const writing = event.target.closest?.("textarea, input") && event.clipboardData?.getData("text");
    if (!writing) addPicture(event, event.clipboardData);
  });
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => addPicture(event, event.dataTransfer));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector(".gallery-container .preview")) press("stop");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) press("paint");
  });
})();
