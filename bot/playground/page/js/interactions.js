// Commands and buttons on their way: what was sent and has no answer yet, and what failed.
import { newest } from "./dom.js";
import { on, state } from "./store.js";
import { toast } from "./toast.js";
import { openForm } from "./forms.js";

const opened = new Set();  // interactions whose form was shown
const waiting = new Map(); // interaction id → function called when it ends
const settled = new Set(); // interactions that ended: the stream may be faster than the answer to the request

/** pressed keeps a control disabled until its interaction was answered or failed. */
export function pressed(id, el) {
  if (settled.has(id)) {
    el.disabled = false;
    return;
  }
  waiting.set(id, () => { el.disabled = false; });
  setTimeout(() => settle(id), 16000); // never longer than this, whatever happened to the answer
}

function settle(id) {
  waiting.get(id)?.();
  waiting.delete(id);
  settled.add(id);
  newest(settled, 200);
}

/** install listens for the fate of interactions. */
export function install() {
  on("interaction", (i) => {
    if (i.state === "failed" && i.user === state.me) toast(i.error || "The application did not respond in time.");
    if (i.state !== "sent") settle(i.id);
    if (i.form && i.user === state.me && !opened.has(i.id)) {
      opened.add(i.id);
      newest(opened, 200);
      openForm(i);
    }
  });
}
