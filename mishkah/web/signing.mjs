// Sends the forms of the first page as JSON, and tells what the server says.

for (const form of document.forms) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.ariaBusy !== "true") submit(form);
  });
}

async function submit(form) {
  const problem = form.querySelector("[role=alert]");
  form.ariaBusy = "true";
  problem.textContent = "";
  try {
    const response = await send(form);
    if (response.ok) {
      location.assign(destination());
      return;
    }
    problem.textContent = await told(form, response);
  } catch {
    problem.textContent = form.dataset.offline;
  }
  form.ariaBusy = null;
  const secret = form.querySelector("input:last-of-type");
  secret?.focus();
  secret?.select();
}

function send(form) {
  const method = form.dataset.method;
  const headers = { "Accept-Language": document.documentElement.lang };
  if (method !== "POST") return fetch(form.action, { method, headers });
  headers["Content-Type"] = "application/json";
  const body = JSON.stringify(Object.fromEntries(new FormData(form)));
  return fetch(form.action, { method, headers, body });
}

async function told(form, response) {
  const { detail } = await response.json();
  const seconds = response.headers.get("Retry-After");
  return seconds ? `${detail}. ${form.dataset.wait}${seconds}` : detail;
}

// Where to go then: what `?next=` says, if it is on this server, or else the first page.
function destination() {
  const asked = new URLSearchParams(location.search);
  const lang = asked.get("lang");
  const first = lang ? `/?lang=${encodeURIComponent(lang)}` : "/";
  try {
    const url = new URL(asked.get("next") ?? first, location.origin);
    return url.origin === location.origin ? url.href : first;
  } catch {
    return first;
  }
}
