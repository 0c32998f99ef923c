/** Names of what there is in Redis for workers' reports. */
import { createHmac } from 'node:crypto';

/** Of a name that cannot be guessed, in characters of 6 bits. */
const TOKEN_LENGTH = 32;

export class ReportKeys {
  constructor(
    /** Of all keys of this deployment. */
    private readonly prefix: string,
    private readonly secret: string,
  ) {}

  /** Begins the names of all streams of a tenant; known to nobody but its workers. */
  topicOf(tenantSeq: number): string {
    return `${reportPrefix(this.prefix)}${this.tokenOf(tenantSeq)}:`;
  }

  streamOf(tenantSeq: number, instanceId: string): string {
    return this.topicOf(tenantSeq) + instanceId;
  }

  tokenOf(tenantSeq: number): string {
    const digest = createHmac('sha256', this.secret).update(`reports ${this.prefix} ${tenantSeq}`).digest('base64url');
    return digest.slice(0, TOKEN_LENGTH);
  }

  /** There as long as that process reads. */
  signOfLife(instanceId: string): string {
    return `${this.prefix}:report-reader:${instanceId}`;
  }

  /** The token and the instance in the name of a stream; null when it is not the name of one. */
  partsOf(stream: string): { token: string; instanceId: string } | null {
    const [token, instanceId, ...rest] = stream.slice(reportPrefix(this.prefix).length).split(':');
    return !token || !instanceId || rest.length > 0 ? null : { token, instanceId };
  }
}

/** Begins the names of all streams: what the user whom workers are told may write to. */
export function reportPrefix(prefix: string): string {
  return `${prefix}:eventbus:`;
}

/** The same as a pattern of Redis. */
export function reportPattern(prefix: string): string {
  return `${literal(reportPrefix(prefix))}*`;
}

/** A text as a pattern of Redis that fits nothing else. */
export function literal(text: string): string {
  return text.replaceAll(/[\\*?[\]]/g, '\\$&');
}
