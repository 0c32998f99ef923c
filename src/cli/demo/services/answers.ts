import { connect } from 'node:net';

const ANSWER_LIMIT_MS = 1_000;

/** The first bytes that the server on this port of the loopback interface says; null when it says none in time. */
export function answerOf(port: number, question = ''): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
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
