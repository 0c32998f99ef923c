/** The model servers: whether each answers, with its key, and which models it has. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppConfig } from '../../config/app-config.js';
import { messageOf } from '../../kernel/errors.js';
import { SecretSealer } from '../../kernel/secret-sealer.js';
import { UpstreamProber } from '../../modules/upstreams/upstream-prober.js';
import type { UpstreamRow } from '../../store/entities/upstream.entity.js';
import { failed, ok, warning, type Finding } from './finding.js';

interface UpstreamToAsk {
  name: string;
  baseUrl: string;
  key: string | null;
}

const MODELS_NAMED = 5;

/** @param inspection null where there is no database that can be read: then only the variables tell of upstreams */
export async function checkUpstreams(
  config: AppConfig,
  inspection: { upstreams: () => Promise<UpstreamRow[]> } | null,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const upstreams = new Map<string, UpstreamToAsk>();
  for (const row of (await inspection?.upstreams()) ?? []) {
    try {
      const key = row.sealedKey === null ? null : sealerOf(config).open(row.sealedKey);
      upstreams.set(row.name, { name: row.name, baseUrl: row.baseUrl, key });
    } catch (error) {
      const fix =
        'set MILLRACE_SECRET, or secret.key in the data folder, to what it was; or give the upstream its key anew';
      findings.push(failed(checkOf(row.name), `its key cannot be opened: ${messageOf(error)}`, fix));
    }
  }
  // Goes before what the store says: the next start writes it there.
  if (config.upstream !== null) {
    const { url, key } = config.upstream;
    upstreams.set('default', { name: 'default', baseUrl: url, key });
  }
  findings.push(...(await Promise.all([...upstreams.values()].map(probe))));
  if (findings.length > 0) return findings;
  return [
    warning(
      'upstreams',
      'there are none, so nobody works the queues off',
      'set MILLRACE_UPSTREAM_URL, or: millrace upstreams add',
    ),
  ];
}

async function probe(upstream: UpstreamToAsk): Promise<Finding> {
  const { isOk, error, models, tookMs } = await new UpstreamProber().probe(upstream);
  const check = checkOf(upstream.name);
  if (!isOk)
    return failed(check, `${upstream.baseUrl}: ${error}`, 'start it, or mend its URL or key: millrace upstreams list');
  const names = (models ?? []).slice(0, MODELS_NAMED).join(', ');
  const more = models !== null && models.length > MODELS_NAMED ? ` and ${models.length - MODELS_NAMED} more` : '';
  return ok(check, `${upstream.baseUrl} answers after ${tookMs} ms: ${names || 'no models'}${more}`);
}

function checkOf(name: string): string {
  return `upstream ${name}`;
}

function sealerOf({ secret, dataDir }: AppConfig): SecretSealer {
  return new SecretSealer(secret ?? readFileSync(join(dataDir, 'secret.key'), 'utf8').trim());
}
