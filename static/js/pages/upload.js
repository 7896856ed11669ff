// Upload of an image archive: the raw file is the request's body, so a browser can stream it and tell
// how far it is. What the server then does with it is an operation, followed on this page.
import { one } from "../frame/dom.js";
import { toast } from "../frame/toasts.js";

const form = one("[data-upload]");
const MB = 1000 * 1000;
const size = (bytes) => `${(bytes / MB).toFixed(bytes < 10 * MB ? 1 : 0)} MB`;

function show(words, share) {
  one("[data-progress]", form).hidden = false;
  one("[data-progress-words]", form).textContent = words;
  one("[data-progress-bar]", form).setAttribute("width", `${Math.round(share * 100)}%`);
}

function fail(words) {
  const error = one("[data-upload-error]", form);
  error.hidden = false;
  one("span", error).textContent = words;
  one("input[type=file]", form).setAttribute("aria-invalid", "true");
  one("[data-progress]", form).hidden = true;
}

function problem(request) {
  try {
    const told = JSON.parse(request.responseText);
    return told.detail ?? told.title;
  } catch {
    return request.status ? `The panel refused it (${request.status}).` : "The connection broke. Nothing was stored.";
  }
}

function send(file) {
  const request = new XMLHttpRequest();
  const started = performance.now();
  request.open("POST", form.action);
  request.setRequestHeader("X-CSRFToken", form.dataset.csrf);
  request.setRequestHeader("Content-Type", "application/octet-stream");
  request.upload.addEventListener("progress", (event) => {
    const seconds = (performance.now() - started) / 1000;
    const rate = seconds > 0.5 ? `, ${size(event.loaded / seconds)}/s` : "";
    show(`${size(event.loaded)} of ${size(event.total)}${rate}`, event.loaded / event.total);
  });
  request.upload.addEventListener("load", () => show("Arrived, being checked", 1));
  request.addEventListener("loadend", () => ended(request, file));
  one("[data-upload-cancel]", form).onclick = () => request.abort();
  request.send(file);
  show("Starting", 0);
}

function ended(request, file) {
  one("button[type=submit]", form).disabled = false;
  if (request.status < 200 || request.status >= 300) {
    fail(request.status || request.readyState !== 4 ? problem(request) : "Stopped. Nothing was stored.");
    return;
  }
  const operation = JSON.parse(request.responseText);
  one("[data-progress]", form).hidden = true;
  form.reset();
  toast(`${file.name} has arrived`, "good");
  location.assign(form.dataset.then.replace("OPERATION", operation.id));
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  const file = one("input[type=file]", form).files[0];
  one("[data-upload-error]", form).hidden = true;
  one("input[type=file]", form).removeAttribute("aria-invalid");
  if (!file) {
    fail("Choose an archive first.");
    return;
  }
  one("button[type=submit]", form).disabled = true;
  send(file);
});
