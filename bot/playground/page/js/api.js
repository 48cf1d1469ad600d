// The page's side of the wire: JSON requests and the stream of server-sent events.
import { locale } from "./words.js";

export class RequestError extends Error {
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code; // Discord's error code where the local Discord refused, else 0
  }
}

// send resolves to the response, if it is a success.
async function send(path, init) {
  let response;
  try {
    response = await fetch(path, { ...init, credentials: "same-origin", cache: "no-store" });
  } catch {
    throw new RequestError("The playground does not answer. Is moebot still running?", 0, 0);
  }
  if (response.ok) return response;
  const body = await json(response);
  throw new RequestError(body.error || `The request failed (${response.status}).`, response.status, body.code ?? 0);
}

const json = (response) => (response.headers.get("Content-Type") ?? "").startsWith("application/json") ? response.json() : {};

const posted = (body) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** get reads a JSON document. */
export const get = async (path) => json(await send(path, { method: "GET" }));

/** post sends a JSON document and returns the answer. */
export const post = async (path, body) => json(await send(path, posted(body)));

/** interact is post for what begins an interaction: the bot hears in which language. */
export const interact = (path, body) => post(path, { ...body, locale: locale() });

/** stream sends a JSON document and returns the response, whose body comes bit by bit until the signal ends it. */
export const stream = (path, body, signal) => send(path, { ...posted(body), signal });

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
