// A one-time link signs in by a POST. This page sends it by itself, but only when a person sees it, so
// that a prefetch or a preview never uses the link up.
const form = document.querySelector("[data-send-by-itself]");

function sendWhenSeen() {
  if (document.visibilityState === "visible" && !document.prerendering) form.requestSubmit();
}

if (form) {
  sendWhenSeen();
  document.addEventListener("visibilitychange", sendWhenSeen, { once: true });
  document.addEventListener("prerenderingchange", sendWhenSeen, { once: true });
}
