import type { StreamScript } from './sim-endpoint.js';
import { EVENT_STREAM_TYPE, type Exchange } from './sim-exchange.js';
import type { SimOptions } from './sim-options.js';

/** No timer is finer than this; a faster pace sends several tokens a tick. */
const SHORTEST_TICK_MS = 4;
/** A slow pace is looked at this often, as a timer for the whole gap could be too long for Node. */
const LONGEST_TICK_MS = 1_000;

/**
 * Plays a script as server-sent events: headers and head at once, the first token after `timeToFirstTokenMs`, the
 * others at `tokensPerSecond`, the tail with the last. Without pace it is one write and no timer.
 */
export function playScript(exchange: Exchange, script: StreamScript, options: SimOptions): void {
  const { head, tokens, tail } = script;
  const { timeToFirstTokenMs, tokensPerSecond } = options;
  exchange.begin(200, EVENT_STREAM_TYPE, ['cache-control', 'no-cache']);
  if (timeToFirstTokenMs === 0 && tokensPerSecond === 0) {
    exchange.end(head + tokens.join('') + tail);
    return;
  }
  exchange.response.flushHeaders();
  if (head !== '') exchange.response.write(head);

  const tickMs = Math.min(Math.max(SHORTEST_TICK_MS, 1_000 / tokensPerSecond), LONGEST_TICK_MS);
  let sent = 0;
  let firstTokenAt = 0;
  const sendDue = () => {
    if (sent === 0) firstTokenAt = performance.now();
    // What is due is reckoned from the first token, so that late timers do not slow the stream down.
    const elapsedSeconds = (performance.now() - firstTokenAt) / 1_000;
    const due = tokensPerSecond === 0 ? tokens.length : 1 + Math.floor(elapsedSeconds * tokensPerSecond);
    const piece = tokens.slice(sent, due).join('');
    sent = Math.max(sent, Math.min(due, tokens.length));
    if (sent === tokens.length) {
      exchange.end(piece + tail);
      return;
    }
    if (piece !== '') exchange.response.write(piece);
    exchange.later(tickMs, sendDue);
  };
  exchange.later(timeToFirstTokenMs, sendDue);
}
