/** A client of the Files and Batch API that times what it does. */
import { cpuSeconds, type BenchServer } from './bench-kit.js';

const ENDPOINT = '/v1/chat/completions';

export interface Batch {
  id: string;
  status: string;
  output_file_id: string;
  request_counts: { completed: number };
}

export interface BatchRun {
  batch: Batch;
  linesPerS: number;
  /** CPU time of the server, of all its processes and their threads. */
  cpuUsPerLine: number;
}

/** The body of a request whose prompt has about `promptBytes` bytes. */
export function bodyOf(line: number, promptBytes: number): string {
  const sentence = 'The quick brown fox jumps over the lazy dog near the river bank. ';
  const prompt = sentence.repeat(Math.ceil(promptBytes / sentence.length));
  return JSON.stringify({ model: 'bench', messages: [{ role: 'user', content: `${line}: ${prompt}` }] });
}

export function inputFile(lines: number, promptBytes: number): Buffer {
  const texts = Array.from(
    { length: lines },
    (_, line) =>
      `{"custom_id":"line-${line}","method":"POST","url":"${ENDPOINT}","body":${bodyOf(line, promptBytes)}}\n`,
  );
  return Buffer.from(texts.join(''));
}

export class BatchClient {
  private readonly auth: Record<string, string>;

  /** `all`: the processes that do the work, when they are more than the one that is talked to. */
  constructor(
    private readonly server: BenchServer,
    private readonly all: readonly BenchServer[] = [server],
  ) {
    this.auth = { authorization: `Bearer ${server.adminKey}` };
  }

  async upload(bytes: Buffer): Promise<{ id: string; mbPerS: number }> {
    const form = new FormData();
    form.set('purpose', 'batch');
    form.set('file', new Blob([new Uint8Array(bytes)]), 'bench.jsonl');
    const startedAt = performance.now();
    const { id } = await this.api<{ id: string }>('/v1/files', { method: 'POST', body: form });
    return { id, mbPerS: bytes.length / 1e6 / ((performance.now() - startedAt) / 1000) };
  }

  /** Creates a batch of an uploaded file and waits until all its `lines` have completed. */
  async run(fileId: string, lines: number): Promise<BatchRun> {
    const cpu = () => this.all.reduce((sum, { process }) => sum + cpuSeconds(process.pid!), 0);
    const cpuBefore = cpu();
    const startedAt = performance.now();
    let batch = await this.api<Batch>('/v1/batches', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input_file_id: fileId, endpoint: ENDPOINT, completion_window: '24h' }),
    });
    while (batch.status !== 'completed') {
      await new Promise((resume) => setTimeout(resume, 50));
      batch = await this.api<Batch>(`/v1/batches/${batch.id}`);
      if (['failed', 'expired', 'cancelled'].includes(batch.status)) throw new Error(`it ended as ${batch.status}`);
    }
    const seconds = (performance.now() - startedAt) / 1000;
    if (batch.request_counts.completed !== lines) throw new Error('lines are missing');
    return { batch, linesPerS: lines / seconds, cpuUsPerLine: ((cpu() - cpuBefore) / lines) * 1e6 };
  }

  /** Reads a file to its end and keeps none of it. */
  async download(fileId: string): Promise<{ mbPerS: number }> {
    const startedAt = performance.now();
    const response = await fetch(`${this.server.url}/v1/files/${fileId}/content`, { headers: this.auth });
    let bytes = 0;
    for await (const chunk of response.body!) bytes += (chunk as Uint8Array).length;
    return { mbPerS: bytes / 1e6 / ((performance.now() - startedAt) / 1000) };
  }

  private async api<T>(
    path: string,
    init: { method?: string; headers?: Record<string, string>; body?: string | FormData } = {},
  ): Promise<T> {
    const response = await fetch(this.server.url + path, { ...init, headers: { ...this.auth, ...init.headers } });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}
