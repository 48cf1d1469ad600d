// Runs before the first paint so that a chosen theme never flashes in the other one.
(() => {
  let theme = "auto";
  try { theme = localStorage.getItem("moebot.theme") || "auto"; } catch { /* storage may be forbidden */ }
  if (theme !== "auto") document.documentElement.dataset.theme = theme;
})();
