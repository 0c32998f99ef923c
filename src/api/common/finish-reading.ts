import type { FastifyReply, FastifyRequest } from 'fastify';

/** Longest that a refused body is read on. */
const PATIENCE_MS = 30_000;

/**
 * A request that is refused before its body has arrived. Most clients send everything before they look at the answer, and
 * closing the connection under them takes the answer away; so the rest is read and thrown away, for a while.
 */
export function finishReading({ raw }: FastifyRequest, reply: FastifyReply): void {
  if (raw.complete || raw.destroyed) return;
  // Fastify asks for the connection to be closed after some refusals.
  if (reply.hasHeader('connection')) reply.removeHeader('connection');
  raw.unpipe();
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), PATIENCE_MS).unref();
  raw.once('close', () => clearTimeout(timer));
}
