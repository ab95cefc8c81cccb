// The tab for many pictures: sends files one at a time, shows rows as they are finished, saves edits.
(() => {
  const root = document.documentElement;
  const POLL_MS = 1000, ANSWER_MS = 15000, SAVE_MS = 1000, MAX_TRIES = 30;
  let tab = null; // what the tab does, once it is on the page
  let early = []; // files that were dropped before
  let sent = 0; // requests of this page

  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const show = () => document.querySelector("#many-tab-button")?.click();
  const isShown = () => Boolean(tab?.element.offsetParent);
  const take = (files) => {
    show();
    if (tab) tab.add(files);
    else early.push(...files);
  };

  // Files and folders of a drop, with their paths.
  const inFolder = async (entry) => {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      file.marsamPath = entry.fullPath.replace(/^\//, "");
      return [file];
    }
    const reader = entry.createReader(), found = [];
    for (;;) { // a reader gives a hundred at a time
      const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!some.length) break;
      found.push(...some);
    }
    found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    return (await Promise.all(found.map(inFolder))).flat();
  };
  const dropped = (data) => {
    const entries = Array.from(data?.items || []).map((one) => one.webkitGetAsEntry?.()).filter(Boolean);
    if (entries.some((one) => one.isDirectory)) return Promise.all(entries.map(inFolder)).then((all) => all.flat());
    return Promise.resolve(Array.from(data?.files || []));
  };
  const endsIn = (file, suffixes) => suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix));
  const isDocument = (file) => endsIn(file, window.marsam.documents);
  const isMany = (data) => {
    const folder = Array.from(data?.items || []).some((one) => one.webkitGetAsEntry?.()?.isDirectory);
    const files = Array.from(data?.files || []);
    return folder || files.length > (isShown() ? 0 : 1) || files.some(isDocument);
  };
  // Before Gradio and the studio's tab see it: those take one picture.
  for (const kind of ["drop", "paste"]) {
    document.addEventListener(kind, (event) => {
      const data = event.dataTransfer || event.clipboardData;
      if (!isMany(data)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      dropped(data).then(take);
    }, true);
  }

  window.marsam.many = (element, trigger, props, watch) => {
    const find = (selector) => element.querySelector(selector);
    const many = find(".many"), rows = find(".rows"), panel = find(".panel");
    const suffixes = many.dataset.suffixes.split(" "), long = Number(many.dataset.long);
    const config = window.gradio_config;
    const address = (path) => `${config.root}${config.api_prefix}${path}`;
    let list = "", version = 0, poll = 0, answer = null, queue = Promise.resolve();

    // One request at a time: the component has one value, the last answer.
    watch("value", () => answer?.(JSON.parse(props.value)));
    const ask = (values) => (queue = queue.then(() => request(values)));
    const request = async (values) => {
      const id = ++sent;
      let client = "";
      try { client = localStorage.getItem("marsam-client"); } catch { /* the server knows it */ }
      for (;;) {
        const reply = await new Promise((resolve) => {
          answer = (value) => value.id === id && resolve(value);
          trigger("act", { ...values, id, client, list, since: version });
          setTimeout(resolve, ANSWER_MS);
        });
        if (reply) {
          if (find(".message [data-unanswered]")) message("");
          receive(reply);
          return reply;
        }
        message(`<p class="notice" data-unanswered>${text("no_answer")}</p>`);
      }
    };

    const receive = (reply) => {
      if (reply.message) message(`<p${reply.failed ? ' class="notice"' : ""}>${reply.message}</p>`);
      if (reply.version === undefined) return;
      if (reply.list !== list) rows.textContent = "";
      list = reply.list;
      version = reply.version;
      const isFilled = reply.keys.length > 0;
      find(".whole").hidden = !isFilled;
      find("[data-kind=documents]").hidden = !reply.documents;
      many.classList.toggle("filled", isFilled);
      for (const [key, html] of reply.rows) put(key, html);
      const keys = new Set(reply.keys);
      for (const row of Array.from(rows.children)) if (!keys.has(row.dataset.key)) leave(row);
      if (isFilled) {
        setHTML(find(".says"), reply.says);
        setHTML(panel, reply.panel);
      }
      clearTimeout(poll);
      if (reply.working) poll = setTimeout(() => ask({ do: "poll" }), POLL_MS);
      if (reply.file) download(reply.file, reply.name);
    };

    // What is unchanged stays: a screen reader says it once, and the focus is not lost.
    const setHTML = (where, html) => {
      if (where.shown === html) return;
      const focused = where.contains(document.activeElement);
      where.shown = where.innerHTML = html;
      if (focused) where.querySelector("button")?.focus();
    };
    const escaped = (value) => String(value).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
    const text = (key, ...values) =>
      values.reduce((html, value, n) => html.replaceAll(`#${n + 1}`, () => value),
        find(`template[data-text="${key}"]`).innerHTML.trim());
    const message = (html) => { find(".message").innerHTML = html; };
    const addMessage = (html) => find(".message").insertAdjacentHTML("beforeend", `<p class="notice">${html}</p>`);

    // A row that was removed: who was in it goes on with the next one.
    const leave = (row) => {
      const focused = row.contains(document.activeElement);
      const other = row.nextElementSibling || row.previousElementSibling;
      row.remove();
      if (focused) other?.querySelector("textarea, button").focus();
    };
    // A row: what a person is writing in it stays.
    const put = (key, html) => {
      const template = document.createElement("template");
      template.innerHTML = html;
      const fresh = template.content.firstElementChild, old = rows.querySelector(`[data-key="${key}"]`);
      for (const one of fresh.querySelectorAll("[data-file]")) {
        one[one.localName === "a" ? "href" : "src"] = address(`/file=${encodeURI(one.dataset.file)}`);
      }
      if (!old) rows.append(fresh);
      else if (!old.querySelector("textarea")) old.replaceWith(fresh);
      else {
        old.dataset.digest = fresh.dataset.digest;
        old.dataset.state = fresh.dataset.state;
        for (const name of ["data-check", "data-decorative"]) old.toggleAttribute(name, fresh.hasAttribute(name));
        old.querySelector(".about").innerHTML = fresh.querySelector(".about").innerHTML;
        for (const name of old.saving ? [] : ["reviewed", "decorative"]) {
          tick(old, name).checked = tick(fresh, name).checked;
          tick(old, name).disabled = tick(fresh, name).disabled;
        }
        for (const box of fresh.querySelectorAll("textarea")) {
          const own = old.querySelector(`[data-code="${box.dataset.code}"]`);
          if (!own.dirty && own !== document.activeElement) own.value = box.value;
          update(own);
        }
        return;
      }
      fresh.querySelectorAll("textarea").forEach(update);
    };
    const tick = (row, name) => row.querySelector(`[data-tick="${name}"]`);
    const update = (box) => {
      const length = [...box.value].length, count = box.nextElementSibling;
      count.querySelector("bdi > span").textContent = length;
      count.classList.toggle("long", length > long);
      if (!CSS.supports("field-sizing", "content")) {
        box.style.height = "auto";
        box.style.height = `${box.scrollHeight + 2}px`;
      }
    };

    // Saving: a while after the last key, when the text is left, and with the tick.
    const boxes = (row) => Array.from(row.querySelectorAll("textarea"));
    const save = async (row) => {
      clearTimeout(row.timer);
      const texts = Object.fromEntries(boxes(row).map((box) => [box.dataset.code, box.value]));
      const reply = await change(row, () => ({ do: "save", texts, reviewed: tick(row, "reviewed").checked }));
      if (reply.saved) {
        for (const box of boxes(row)) if (box.value === texts[box.dataset.code]) box.dirty = false;
      } else tick(row, "reviewed").checked = row.dataset.state === "reviewed";
    };
    const change = async (row, values) => {
      row.saving = (row.saving || 0) + 1;
      // The digest is read when it is its turn: an earlier save changes it.
      const reply = await (queue = queue.then(() => request({
        ...values(), row: row.dataset.key, digest: row.dataset.digest,
      })));
      row.saving -= 1;
      return reply;
    };
    // What was written is saved first, so that it comes back with the texts.
    const decorate = async (row) => {
      const decorative = tick(row, "decorative").checked;
      if (decorative && boxes(row).some((box) => box.dirty)) await save(row);
      const reply = await change(row, () => ({ do: "decorative", decorative }));
      const marked = row.hasAttribute("data-decorative");
      tick(row, "decorative").checked = tick(row, "reviewed").disabled = marked;
      tick(row, "reviewed").checked = row.dataset.state === "reviewed";
      if (reply.saved && marked) next(row, "input");
    };
    const next = (row, selector) => {
      const all = Array.from(rows.children), at = all.indexOf(row);
      const following = [...all.slice(at + 1), ...all.slice(0, at)].find(
        (one) => one.dataset.state === "draft" && one.offsetParent && !tick(one, "reviewed").checked);
      if (!following) {
        if (!all.some((one) => ["draft", "waiting"].includes(one.dataset.state) && one !== row)) message(`<p>${text("all_reviewed")}</p>`);
        return;
      }
      following.querySelector(selector).focus({ preventScroll: true });
      following.scrollIntoView({ block: "nearest" });
    };
    element.addEventListener("input", (event) => {
      const box = event.target.closest("textarea");
      if (!box) return;
      box.dirty = true;
      update(box);
      const row = box.closest("li");
      clearTimeout(row.timer);
      row.timer = setTimeout(() => save(row), SAVE_MS);
    });
    element.addEventListener("focusout", (event) => {
      if (event.target.dirty) save(event.target.closest("li"));
    });
    element.addEventListener("change", (event) => {
      if (event.target.type === "file") {
        add(Array.from(event.target.files));
        event.target.value = "";
      }
      if (event.target.type !== "checkbox") return;
      const row = event.target.closest("li");
      if (event.target.dataset.tick === "decorative") {
        decorate(row);
        return;
      }
      save(row);
      if (event.target.checked) next(row, "input");
    });
    element.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.target.localName !== "textarea") return;
      event.preventDefault();
      event.stopPropagation();
      const row = event.target.closest("li");
      tick(row, "reviewed").checked = true;
      event.target.dirty = false; // saved now, not again when it is left
      save(row);
      next(row, `[data-code="${event.target.dataset.code}"]`);
    });
    window.addEventListener("beforeunload", (event) => {
      if (rows.querySelectorAll("textarea").values().some((box) => box.dirty) || uploads.length) event.preventDefault();
    });

    // Adding files, one after the other; pictures first, since documents may show them.
    const uploads = [];
    let total = 0, isAdding = false;
    const isPicture = (file) => file.type.startsWith("image/") || endsIn(file, suffixes);
    const names = (files) => escaped(files.slice(0, 5).map((one) => one.name).join("\u2068, \u2069") + (files.length > 5 ? " …" : ""));
    const add = async (files) => {
      files = files.filter((file) => !file.name.startsWith("."));
      const wanted = [...files.filter(isPicture), ...files.filter(isDocument)];
      const others = files.filter((file) => !wanted.includes(file));
      if (!isAdding) message("");
      if (!wanted.length) addMessage(text("no_pictures"));
      else if (others.length) addMessage(text("not_pictures", names(others)));
      uploads.push(...wanted);
      total += wanted.length;
      if (isAdding) return;
      isAdding = true;
      const known = [], complete = [];
      for (let number = 1; uploads.length; number += 1) {
        const file = uploads[0], name = file.marsamPath || file.webkitRelativePath || file.name;
        setHTML(find(".lead"), text("sending", number, total, escaped(file.name)));
        const problem = await addOne(file, name, known, complete);
        uploads.shift();
        if (problem) addMessage(text("not_sent", escaped(file.name), problem.html));
        if (problem?.isLast) uploads.length = 0;
      }
      setHTML(find(".lead"), lead);
      if (known.length) addMessage(text("known", names(known)));
      if (complete.length) addMessage(text("complete", names(complete)));
      isAdding = false;
      total = 0;
    };
    const addOne = async (file, name, known, complete) => {
      for (let tries = 0; tries < 2; tries += 1) {
        const answer = await upload(file);
        if (answer.html !== undefined) return answer;
        const reply = await ask({ do: "add", path: answer.path, name });
        if (reply.failed) {
          message("");
          return { html: reply.message, isLast: true };
        }
        if (reply.refused) return { html: reply.refused };
        for (const note of reply.notes || []) addMessage(note);
        if (reply.known) known.push(file);
        if (reply.complete) complete.push(file);
        if (!reply.lost) return null;
      }
      return { html: text("no_answer") };
    };
    const upload = async (file) => {
      const form = new FormData();
      form.append("files", file, file.name);
      for (let tries = 0; ; tries += 1) {
        let response = null;
        try {
          response = await fetch(address("/upload"), { method: "POST", body: form });
        } catch { /* no connection: tried again */ }
        if (response?.ok) return { path: (await response.json())[0] };
        const isBusy = !response || [429, 502, 503, 504].includes(response.status);
        if (!isBusy || tries >= MAX_TRIES) {
          return { html: response ? await reason(response) : text("no_answer") };
        }
        await wait(1000 * Math.min(30, Number(response?.headers.get("Retry-After")) || 2));
      }
    };
    const reason = async (response) => {
      const body = await response.text();
      if (response.headers.get("Content-Type")?.startsWith("text/html")) return body;
      try { return escaped(JSON.parse(body).detail ?? JSON.parse(body).error?.message ?? body); } catch { return escaped(body); }
    };

    // Buttons.
    const download = (path, name) => {
      const link = document.createElement("a");
      link.href = address(`/file=${encodeURI(path)}`);
      link.download = name;
      link.click();
    };
    const actions = {
      ask: () => { find(".question").hidden = false; find(".question button").focus(); },
      keep: () => { find(".question").hidden = true; find("[data-do=ask]").focus(); },
      remove: (button) => ask({ do: "remove", row: button.closest("li").dataset.key }),
      remove_document: (button) => ask({ do: "remove_document", row: button.closest("li").dataset.key }),
      delete: () => { find(".question").hidden = true; uploads.length = 0; ask({ do: "delete" }); },
    };
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      if (button.dataset.only) {
        rows.dataset.only = button.dataset.only;
        for (const one of button.parentElement.querySelectorAll("button")) one.ariaPressed = String(one === button);
      }
      const action = button.dataset.do;
      if (action === "stop") uploads.length = Math.min(uploads.length, 1);
      if (action) (actions[action] || (() => ask({ do: action, kind: button.dataset.kind })))(button);
    });
    const drop = find(".drop"), lead = find(".lead").innerHTML;
    drop.addEventListener("dragover", () => drop.classList.add("over"));
    for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => drop.classList.remove("over"), true);

    tab = { element, add };
    const open = async () => {
      while (!("ready" in root.dataset)) await wait(50); // the server knows the visitor from then on
      await ask({ do: "open" });
      if (early.length) add(early.splice(0));
    };
    open();
  };
})();
