import { connect } from 'node:net';

const ANSWER_LIMIT_MS = 1_000;

/**
 * The first bytes that the server on this Unix socket says; null when it says none in time. A socket in the server's own
 * folder is asked instead of its port: what answers on that may be another program, while this one is about to find it taken.
 * Servers open it after their port.
 */
export function answerOf(path: string, question = ''): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: string | null) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(ANSWER_LIMIT_MS, () => settle(null));
    socket.once('connect', () => socket.write(question));
    socket.once('data', (bytes) => settle(bytes.toString('latin1')));
    socket.once('error', () => settle(null));
    socket.once('close', () => settle(null));
  });
}
