// Sets the theme before the first paint, so that a dark room stays dark. A file of its own, because the page's
// Content-Security-Policy allows no inline script.
(function () {
  let wish;
  try {
    wish = localStorage.getItem("oncue-theme");
  } catch {
    // Storage may be forbidden; then the system's wish decides.
  }
  const dark = wish === "dark" || (wish !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
