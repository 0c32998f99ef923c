/**
 * Functions of your own as task handlers, inside the server and without an upstream.
 *
 *   MILLRACE_HANDLERS=./examples/handlers/handlers.js npm start
 *
 * Then make a queue for them and put a task into it:
 *
 *   KEY="Authorization: Bearer $(cat data/admin.key)"
 *   curl -H "$KEY" -H 'content-type: application/json' localhost:8080/v1/console/queues \
 *     -d '{"name": "texts", "consumers": ["handler"]}'
 *   curl -H "$KEY" -H 'content-type: application/json' localhost:8080/v1/queue/put \
 *     -d '{"queue": "texts", "type": "word-count", "data": {"text": "to be or not to be"}, "response_mode": "blocking"}'
 *
 * It is plain JavaScript, which has no decorators yet, so `TaskHandler` is called. In TypeScript write it above the method.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { TaskFailure, TaskHandler } from 'millrace/handlers';

class Texts {
  async count(task) {
    const { text } = task.data;
    // Nothing will come of trying this again: it fails at once, and is kept among the dead letters.
    if (typeof text !== 'string') throw new TaskFailure('no_text', "'data.text' must be a string.");
    return { words: text.split(/\s+/).filter((word) => word !== '').length };
  }

  /** Says a text word by word. With `response_mode: streaming` its caller hears each word as it comes. */
  async speak(task, { progress, signal }) {
    const { text = '', pause_ms: pauseMs = 100 } = task.data;
    const words = String(text).split(' ');
    for (const word of words) {
      // Rejects as soon as the task is cancelled: nobody listens any more.
      await pause(pauseMs, undefined, { signal });
      progress({ word });
    }
    return { words: words.length };
  }
}

TaskHandler('word-count', { concurrency: 10 })(Texts.prototype, 'count');
TaskHandler('speak', { concurrency: 4, retry: { maxTries: 1 } })(Texts.prototype, 'speak');

/** Any Nest module will do; its providers may have others injected. A class can be module and provider at once. */
export default { module: Texts };
