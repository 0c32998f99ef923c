/** Tells who is calling, from the `Authorization` header. */
import { Injectable, type OnModuleInit } from '@nestjs/common';
import { AppConfig } from '../../config/app-config.js';
import { Secrets } from '../../config/generated-secrets.js';
import { hashSecret, isSecretOf, maskKey, parseApiKey } from '../../kernel/api-key.js';
import { Clock } from '../../kernel/clock.js';
import { MillraceError } from '../../kernel/errors.js';
import { newId } from '../../kernel/ids.js';
import { EventBus } from '../../ports/event-bus.js';
import { AccessStore, type StoredKey } from '../../store/access.store.js';
import { DEFAULT_TENANT } from '../../kernel/default-names.js';
import type { Caller } from './caller.js';
import { FailedAttempts } from './failed-attempts.js';
import { KeyCache } from './key-cache.js';
import { endedKey, KeyWatch, type WatchedKey } from './key-watch.js';
import { SCOPES, type Scope } from './scopes.js';

const NO_KEY =
  "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth " +
  '(i.e. Authorization: Bearer YOUR_KEY).';

@Injectable()
export class AccessService implements OnModuleInit {
  private readonly cache: KeyCache;
  private readonly watch: KeyWatch;
  private readonly failures: FailedAttempts;
  private readonly adminHash: string;
  private admin: Caller | null = null;

  constructor(
    private readonly config: AppConfig,
    private readonly store: AccessStore,
    private readonly clock: Clock,
    private readonly events: EventBus,
    secrets: Secrets,
  ) {
    this.cache = new KeyCache((id) => this.store.findKey(id), clock);
    this.watch = new KeyWatch((id) => this.works(id));
    this.failures = new FailedAttempts(clock);
    this.adminHash = hashSecret(secrets.adminKey.text);
  }

  async onModuleInit(): Promise<void> {
    const { seq } = await this.store.ensureTenant(DEFAULT_TENANT, newId('tenant'));
    this.admin = { tenantSeq: seq, keyId: null, scopes: new Set(SCOPES), isAdmin: true };
    this.events.on('access.changed').subscribe(({ keyId }) => {
      this.cache.forget(keyId);
      void this.watch.look(keyId);
    });
  }

  /**
   * The caller behind an `Authorization` header. Refuses with `missing_api_key`, or with `invalid_api_key` for a key that
   * is wrong, revoked or expired; the text is the same for all three. After too many wrong keys from one `address` it is
   * `rate_limit_exceeded` instead. That locks nobody out who has a key of ours: those cannot be guessed and are always
   * looked at; what somebody has thought up as the admin key is not.
   */
  async authenticate(authorization?: string, address = ''): Promise<Caller> {
    if (this.admin === null) throw new MillraceError('store_unavailable', 'The server is starting; try again shortly.');
    if (!this.config.authEnabled) return this.admin;
    const token = bearerTokenOf(authorization);
    if (token === null) throw new MillraceError('missing_api_key', NO_KEY);
    const waitMs = this.failures.waitMs(address);
    if (waitMs > 0 && parseApiKey(token) === null) throw tooManyFailures(waitMs);
    if (isSecretOf(token, this.adminHash)) return this.admin;
    const key = parseApiKey(token);
    const row = key === null ? null : await this.cache.find(key.id);
    if (key !== null && row !== null && isSecretOf(key.secret, row.hash) && this.isLive(row)) return callerOf(row);
    if (waitMs > 0) throw tooManyFailures(waitMs);
    this.failures.note(address);
    throw new MillraceError('invalid_api_key', `Incorrect API key provided: ${maskKey(token)}.`);
  }

  /** For a request that lasts: watches its key. `keyId`: as of its Caller. */
  watchKey(keyId: string | null): WatchedKey {
    if (keyId !== null) return this.watch.watch(keyId);
    return { ended: new Promise<never>(() => {}), close: () => {} };
  }

  /** Refuses with `invalid_api_key` if this key, which was let in before, has been revoked or has expired since. */
  async recheck(keyId: string | null): Promise<void> {
    if (keyId !== null && !(await this.works(keyId))) throw endedKey();
  }

  private async works(id: string): Promise<boolean> {
    const row = await this.cache.find(id);
    return row !== null && this.isLive(row);
  }

  private isLive({ revokedAt, expiresAt }: StoredKey): boolean {
    return revokedAt === null && (expiresAt === null || expiresAt > this.clock.now());
  }
}

function tooManyFailures(retryAfterMs: number): MillraceError {
  const text = 'Too many wrong API keys came from your address. Wait a while, and check the key you send.';
  return new MillraceError('rate_limit_exceeded', text, { retryAfterMs });
}

function bearerTokenOf(authorization: string | undefined): string | null {
  return /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? null;
}

function callerOf({ tenantSeq, id, scopes }: StoredKey): Caller {
  const granted = new Set(JSON.parse(scopes) as Scope[]);
  return { tenantSeq, keyId: id, scopes: granted, isAdmin: granted.has('admin') };
}
