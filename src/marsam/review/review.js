// Keys of the review page, and a warning before unsaved texts are lost.
(() => {
  const root = document.documentElement;
  const press = (id) => {
    const button = document.querySelector(`button#${id}`);
    if (button && !button.disabled && button.offsetParent) button.click();
  };
  const mac = /mac/i.test(navigator.platform);
  let edited = false; // since the texts were last sent to the server
  document.addEventListener("input", (event) => {
    if (event.target.closest?.("#texts")) edited = true;
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#save, #next, #previous, #mark_decorative, #reopen, #filter")) edited = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      press("save");
    }
    const arrow = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if (!arrow || !event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // On a Mac these keys move by words within a text.
    if (mac && event.target.closest?.("textarea, input")) return;
    event.preventDefault(); // or the browser would go back
    press((event.key === "ArrowRight") === (root.dir !== "rtl") ? "next" : "previous");
  });
  // How many characters a text has, beside its box.
  const count = () => document.querySelectorAll("#texts textarea").forEach((box) => {
    const block = box.closest(".words");
    let shown = block?.querySelector(".characters");
    if (!block) return;
    if (!shown) {
      shown = Object.assign(document.createElement("span"), { className: "characters", dir: "ltr" });
      block.append(shown);
    }
    const length = [...box.value].length, long = document.querySelector("figure.image")?.dataset.long ?? length;
    if (shown.textContent !== `${length}/${long}`) shown.textContent = `${length}/${long}`;
    shown.classList.toggle("long", length > long);
  });
  document.addEventListener("input", count);
  // Another picture has other texts; the page shows its place in the status.
  const watch = () => {
    const work = document.querySelector("#work");
    if (!work) return requestAnimationFrame(watch);
    new MutationObserver(() => requestAnimationFrame(count)).observe(work, { childList: true, subtree: true, characterData: true });
    count();
  };
  watch();
  window.addEventListener("beforeunload", (event) => {
    if (edited || document.querySelector("[data-unsaved]")) event.preventDefault();
  });
})();
