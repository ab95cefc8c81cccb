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
  window.addEventListener("beforeunload", (event) => {
    if (edited || document.querySelector("[data-unsaved]")) event.preventDefault();
  });
})();
