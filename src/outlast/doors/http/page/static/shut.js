// What to do where nobody is let in: a session that is over, or none.

import { html, useState } from "./vendor/preact.js";
import { send } from "./api.js";
import { Trouble } from "./parts.js";

export function Shut({ onOpen }) {
  const [problem, setProblem] = useState(null);
  async function open(event) {
    event.preventDefault();
    const form = event.target;
    try {
      await send("POST", "login", undefined, { Authorization: `Bearer ${form.token.value.trim()}` });
      form.reset();
      onOpen();
    } catch (error) {
      setProblem(error);
    }
  }
  return html`<section class="shut">
    <h1 tabindex="-1">Your session here is over</h1>
    <p>Or there was none yet. Jobs go on either way. To see them again, one of these:</p>
    <ol>
      <li><p>Where the service was started, <code>outlast serve</code> has printed a link. It opens this page once; started again, it prints another.</p></li>
      <li><p>Paste a token. Whoever has the home makes one with <code>outlast token create NAME --scope run</code>.</p>
        <form onSubmit=${open}>
          <label class="field"><span>Token</span>
            <input type="password" name="token" required autocomplete="off" spellcheck=${false} placeholder="outlast_…" /></label>
          <button class="button primary">Open</button>
        </form></li>
    </ol>
    <${Trouble} problem=${problem} />
  </section>`;
}
