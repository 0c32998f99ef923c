import type { FastifyReply, FastifyRequest } from 'fastify';
import { MillraceError } from '../../kernel/errors.js';

/** A body that was packed for its way here; null when there is none, or it came as it is. */
export function refusalOfEncoding({ headers, is404 }: FastifyRequest, reply: FastifyReply): MillraceError | null {
  const given = headers['content-encoding'];
  if (given === undefined || is404 || !hasBody(headers) || given.split(',').every(isNone)) return null;
  void reply.header('accept-encoding', 'identity');
  return new MillraceError(
    'unsupported_media_type',
    `The Content-Encoding of the request must be identity, but it is '${given}'. Send the body uncompressed.`,
  );
}

function hasBody(headers: FastifyRequest['headers']): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function isNone(coding: string): boolean {
  return ['', 'identity'].includes(coding.trim().toLowerCase());
}
