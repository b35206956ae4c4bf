// Sets the theme before the first paint, so that a dark room stays dark. A file of its own, because the page's
// Content-Security-Policy allows no inline script.
(function () {
  var wish = null;
  try {
    wish = localStorage.getItem("oncue-theme");
  } catch (_) {
    wish = null;
  }
  var dark = wish === "dark" || (wish !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
