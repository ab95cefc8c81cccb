// A window-filling view of the pictures: arrows, swipes, zoom, and two pictures side by side.
(() => {
  const root = document.documentElement;
  const dialog = () => document.querySelector("dialog.viewer");
  const tiles = () => Array.from(document.querySelectorAll("#gallery .picture:not(.blocked)"));
  const key = (tile) => `${tile.dataset.run}/${tile.dataset.index}`;
  let current = null; // the key of the picture that is shown

  // Pictures arrive while the viewer is open: their tiles are looked up each time.
  const position = () => Math.max(0, tiles().findIndex((tile) => key(tile) === current));
  const put = (figure, tile, number) => {
    const image = tile.querySelector(".open img");
    figure.querySelector("img").src = image.src;
    figure.querySelector("figcaption").textContent = number;
  };
  const isOn = (name) => dialog().querySelector(`[data-viewer="${name}"]`).ariaPressed === "true";
  const toggle = (name, on = !isOn(name)) => {
    dialog().querySelector(`[data-viewer="${name}"]`).ariaPressed = String(on);
  };
  const show = (index) => {
    const all = tiles(), view = dialog();
    if (!all.length) return view.close();
    const at = (index + all.length) % all.length, tile = all[at];
    current = key(tile);
    put(view.querySelector(".shown"), tile, `${at + 1} / ${all.length}`);
    const text = tile.querySelector(".open .visually-hidden:last-child");
    view.querySelector("#viewer-text").innerHTML = `${text.innerHTML} · ${tile.querySelector(".seed").innerHTML}`;
    view.querySelector(".verdict").innerHTML = tile.querySelector(".verdict")?.innerHTML ?? "";
    const image = tile.querySelector(".open img"), save = view.querySelector('[data-viewer="save"]');
    save.href = image.src;
    save.download = image.dataset.name;
    const starred = tile.classList.contains("starred"), star = view.querySelector('[data-viewer="star"]');
    star.hidden = !tile.querySelector(".star");
    toggle("star", starred);
    star.firstElementChild.textContent = starred ? "★" : "☆";
    const other = view.querySelector(".other"), next = all[(at + 1) % all.length];
    view.querySelector('[data-viewer="other"]').hidden = all.length < 2;
    other.hidden = !isOn("other") || all.length < 2;
    if (!other.hidden) put(other, next, `${((at + 1) % all.length) + 1} / ${all.length}`);
    const source = document.querySelector("#picture img"), original = view.querySelector(".original");
    view.querySelector('[data-viewer="original"]').hidden = !source;
    original.hidden = !source || !isOn("original");
    if (source) original.querySelector("img").src = source.src;
    view.classList.toggle("zoomed", isOn("zoom"));
    // What can be scrolled can be reached by keyboard.
    for (const figure of view.querySelectorAll("figure")) figure.tabIndex = isOn("zoom") ? 0 : -1;
  };
  const move = (step) => show(position() + step);
  const star = () => {
    tiles()[position()]?.querySelector(".star")?.click();
  };
  const actions = {
    previous: () => move(-1),
    next: () => move(1),
    star,
    close: () => dialog().close(),
    save: () => {},
  };

  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-view]");
    if (opener) {
      current = key(opener.closest(".picture"));
      for (const name of ["zoom", "original", "other"]) toggle(name, false);
      dialog().showModal();
      show(position());
      return;
    }
    // The star is drawn at once; the page follows with the stored state.
    const starred = event.target.closest?.(".tool.star");
    if (starred) {
      const on = starred.closest(".picture").classList.toggle("starred");
      starred.ariaPressed = String(on);
      starred.firstChild.data = on ? "★" : "☆";
      if (dialog()?.open) show(position());
      return;
    }
    const name = event.target.closest?.("[data-viewer]")?.dataset.viewer;
    if (name && actions[name]) actions[name]();
    else if (name || event.target.closest?.(".viewer .shown img")) {
      toggle(name ?? "zoom");
      show(position());
    } else if (event.target === dialog()) dialog().close();
  });
  // A window to print from; its page is here already, as browsers open windows at a click only.
  document.addEventListener("click", (event) => {
    const page = document.querySelector("#sheet [data-page]")?.dataset.page;
    if (!page || !event.target.closest?.("button#print")) return;
    const sheet = window.open("", "_blank");
    sheet?.document.write(page.replace("<head>", () => `<head><base href="${encodeURI(document.baseURI)}">`));
    sheet?.document.close();
  });
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-link]");
    if (!button) return;
    await window.marsam.copy(location.origin + location.pathname + button.dataset.link, button);
  });
  const toggleHelp = (id) => {
    const help = document.querySelector(`dialog#${id}`);
    if (help.open) help.close();
    else help.showModal();
  };
  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-dialog]");
    if (opener) toggleHelp(opener.dataset.dialog);
  });
  document.addEventListener("keydown", (event) => {
    const isWriting = event.target.closest?.("textarea, input:not([type=radio], [type=checkbox], [type=range])");
    if (event.key === "?" && !isWriting && !dialog()?.open) toggleHelp("keys");
  });
  document.addEventListener("keydown", (event) => {
    if (!dialog()?.open || event.ctrlKey || event.metaKey || event.altKey) return;
    const forward = root.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
    const back = root.dir === "rtl" ? "ArrowRight" : "ArrowLeft";
    const act = {
      [forward]: () => move(1), [back]: () => move(-1), Home: () => show(0), End: () => show(-1),
      k: star, K: star, "+": () => { toggle("zoom", true); show(position()); },
      "-": () => { toggle("zoom", false); show(position()); },
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  let start = null;
  document.addEventListener("pointerdown", (event) => {
    start = event.target.closest?.(".viewer:not(.zoomed) .stage") ? [event.clientX, event.clientY] : null;
  });
  document.addEventListener("pointerup", (event) => {
    if (!start) return;
    const [x, y] = [event.clientX - start[0], event.clientY - start[1]];
    start = null;
    if (Math.abs(x) < 50 || Math.abs(x) < 2 * Math.abs(y)) return;
    move((x < 0) === (root.dir !== "rtl") ? 1 : -1); // the next picture comes from where it lies
  });
})();
