// The page's side of the wire: JSON requests and the stream of server-sent events.

export class RequestError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code; // Discord's error code where the local Discord refused, else 0
  }
}

async function request(path, init) {
  let response;
  try {
    response = await fetch(path, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new RequestError("The playground does not answer. Is moebot still running?", 0, 0);
  }
  const type = response.headers.get("Content-Type") ?? "";
  const body = type.startsWith("application/json") ? await response.json() : {};
  if (!response.ok) throw new RequestError(body.error || `The request failed (${response.status}).`, response.status, body.code ?? 0);
  return body;
}

/** get reads a JSON document. */
export const get = (path) => request(path, { method: "GET" });

/** post sends a JSON document and returns the answer. */
export const post = (path, body) => request(path, {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

const EVENTS = ["message", "delete", "typing", "interaction", "channel", "channel_removed", "user", "commands", "trace"];

/**
 * follow reads changes after the position `after`. The browser reconnects by itself and says what it saw
 * last; where the server cannot continue from there it asks for a resync, and the caller starts anew.
 * Returns a function that ends the stream.
 */
export function follow(after, { event, status, resync }) {
  let source = null;
  let timer = 0;
  let delay = 500;
  let last = after;
  let ended = false;

  const open = () => {
    source = new EventSource(`api/events?after=${encodeURIComponent(last)}`);
    source.onopen = () => { delay = 500; status("open"); };
    source.onerror = () => {
      status("lost");
      if (source.readyState !== EventSource.CLOSED || ended) return;
      clearTimeout(timer);
      timer = setTimeout(open, delay);
      delay = Math.min(delay * 2, 8000);
    };
    for (const name of EVENTS) {
      source.addEventListener(name, (e) => { last = e.lastEventId || last; event(name, JSON.parse(e.data)); });
    }
    source.addEventListener("resync", () => { stop(); resync(); });
  };
  const stop = () => { ended = true; clearTimeout(timer); source?.close(); };
  open();
  return stop;
}
