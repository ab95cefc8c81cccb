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
    // Gradio names each radio button differently, so that the arrow keys do not move between them.
    if (element.type === "radio") {
      const group = element.closest("[id]").id;
      if (element.name !== group) element.name = group;
    }
    const error = element.closest(".toast-body") && element.firstChild;
    if (error?.nodeType === Node.TEXT_NODE) error.data = error.data.replace(/^HTTP \d+: /, ""); // of an upload
    if (!element.closest("#picture, .toast-title")) return;
    for (const node of element.childNodes) {
      const text = node.nodeType === Node.TEXT_NODE ? translated(node.data) : null;
      if (text !== null) node.data = text;
    }
  };
  // A message about the value of a box marks the box until its value changes.
  const markInvalid = (message) => {
    const box = document.querySelector(`#${message.getAttribute("for")} :is(textarea, input)`);
    box?.setAttribute("aria-invalid", "true");
    box?.addEventListener("input", () => box.removeAttribute("aria-invalid"), { once: true });
  };
  const relabelAll = (within) => [within, ...within.querySelectorAll("*")].forEach(relabel);
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "attributes") relabel(change.target);
      for (const node of change.addedNodes) {
        if (!(node instanceof Element)) continue;
        relabelAll(node);
        // Gradio makes it a button around another one; only that one does something here.
        for (const header of node.querySelectorAll(".toast-header")) header.removeAttribute("role");
        [node, ...node.querySelectorAll("output")].filter((one) => one.matches("output[for]")).forEach(markInvalid);
      }
    }
  }).observe(root, { attributes: true, attributeFilter: ["aria-label", "name", "title"], childList: true, subtree: true });

  const setDirection = (language) => {
    root.dataset.language = language;
    root.lang = language;
    root.dir = language === "ar" ? "rtl" : "ltr";
  };
  setDirection(stored("marsam-language", preferred));
  // Gradio sets the browser's language again when it starts.
  new MutationObserver(() => {
    if (root.lang !== root.dataset.language) setDirection(root.dataset.language);
  }).observe(root, { attributes: true, attributeFilter: ["lang"] });

  Object.assign(window.marsam, {
    load() {
      setGradioLanguage(root.dataset.language);
      const fragment = /[#&](en|ar)=/.test(location.hash) ? location.hash : "";
      // A reload must not bring back what a person has changed since.
      if (fragment) history.replaceState(null, "", location.pathname + location.search);
      return [stored("marsam-client", random), root.dataset.language, fragment];
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

  const copy = async (text, button) => {
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
    button.focus();
    const notice = button.closest(".copy").querySelector(".copied");
    notice.hidden = false;
    setTimeout(() => { notice.hidden = true; }, 2000);
  };
  window.marsam.copy = copy;
  const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
  const altText = {
    text: (text) => text,
    html(text, box, name) {
      const language = { english: ' lang="en" dir="ltr"', arabic: ' lang="ar" dir="rtl"' }[box] ?? "";
      return `<img src="${escaped(name)}" alt="${escaped(text)}"${language}>`;
    },
    markdown: (text, _, name) =>
      `![${text.replace(/[\\[\]]/g, "\\$&").replace(/\s*\n\s*/g, " ")}](${encodeURI(name)})`,
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
    const { copy: form, from } = button.dataset, name = button.closest(".copy").dataset.file;
    const forms = (from ? from.split(" ") : [""]).map((box) => {
      const text = box && (document.querySelector(`#${box} textarea`)?.value.trim() ?? "");
      return altText[form](text, box, name);
    });
    await copy(forms.join("\n"), button);
  });
  // Nobody types into a text box that a description is about to fill. Gradio itself would disable
  // the box, and can lose that it was enabled again when a key is pressed at that moment.
  new MutationObserver(() => {
    const filled = Boolean(document.querySelector("#status [data-fills-texts]"));
    for (const box of document.querySelectorAll("#panes textarea")) {
      if (box.readOnly !== filled) box.readOnly = filled;
    }
  }).observe(root, { childList: true, subtree: true });
  // The tab's title counts the pictures; a screen reader hears a line once a picture.
  let said = null;
  const follow = () => {
    const status = document.querySelector("#status .status"), count = status?.dataset.title ?? "";
    const name = root.lang === "ar" ? "مرسم · Marsam" : "Marsam · مرسم";
    const title = count ? `${count} · ${name}` : name;
    if (document.title !== title) document.title = title;
    const line = status?.querySelector(".line"), now = count || line?.innerHTML || "";
    if (now === said) return;
    said = now;
    const place = document.querySelector("#announcement [aria-live]");
    if (place) place.innerHTML = line?.innerHTML ?? "";
  };
  new MutationObserver(follow).observe(root, { childList: true, subtree: true });
  // On a narrow screen what is painted is below: show it when it begins.
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#paint, #more, #resume, #live-picture button")) return;
    setTimeout(() => {
      const status = document.querySelector("#status"), box = status?.getBoundingClientRect();
      if (box && (box.top > innerHeight - 120 || box.bottom < 0)) status.scrollIntoView({ block: "start" });
    }, 600);
  });
  // A button that deletes asks first: the second press is the answer. Gradio may draw it anew, or
  // make it the button of another picture, in between.
  let asked = null;
  const about = (button) => JSON.stringify({ ...button.dataset });
  const isAsked = (button) => asked?.button === button && asked.about === about(button);
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-confirm]"), isAnswer = button && isAsked(button);
    asked?.button.classList.remove("asking");
    asked = button && !isAnswer ? { button, about: about(button) } : null;
    if (!asked) return;
    button.classList.add("asking");
    event.stopImmediatePropagation();
  }, true);
  new MutationObserver(() => {
    asked?.button.classList.toggle("asking", isAsked(asked.button));
  }).observe(root, { attributeFilter: ["class"], childList: true, subtree: true });
  // Gradio refuses what the browser does not take for a picture, such as HEIC on some systems; here
  // every file passes, and the studio reads it or says what it is.
  const isPicture = (file) => file.type.startsWith("image/");
  const asPictures = (files) => {
    const transfer = new DataTransfer();
    for (const file of files) {
      transfer.items.add(isPicture(file) ? file : new File([file], file.name, { type: "image/unknown" }));
    }
    return transfer.files;
  };
  document.addEventListener("change", ({ target }) => {
    if (target.matches?.("#picture input[type=file]") && !Array.from(target.files).every(isPicture)) {
      target.files = asPictures(target.files);
    }
  }, true);
  // A picture pasted or dropped anywhere goes to the picture box.
  const addPicture = (event, data) => {
    const files = Array.from(data?.files || []), file = files.find(isPicture) || files[0];
    const input = document.querySelector("#picture input[type=file]");
    if (!file || !input) return;
    event.preventDefault();
    event.stopPropagation();
    input.files = asPictures([file]);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };
  // The camera's button opens the phone's own camera: Gradio's needs HTTPS, and is small on a phone.
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("#picture .source-selection button:nth-of-type(2)");
    if (!button || !(matchMedia("(pointer: coarse)").matches || !navigator.mediaDevices)) return;
    event.stopImmediatePropagation();
    const camera = Object.assign(document.createElement("input"), { type: "file", accept: "image/*" });
    camera.setAttribute("capture", "environment");
    camera.addEventListener("change", (event) => addPicture(event, { files: camera.files }));
    camera.click();
  }, true);
  document.addEventListener("paste", (event) => {
    const writing = event.target.closest?.("textarea, input") && event.clipboardData?.getData("text");
    if (!writing) addPicture(event, event.clipboardData);
  });
  document.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => addPicture(event, event.dataTransfer), true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog[open]")) press("stop");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) press("paint");
  });
})();
