import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newPlace } from '../support/new-place.js';
import { RawConnection } from '../support/raw-request.js';
import { TestServer } from '../support/server.js';
import { filePart, LINE, textPart } from '../support/uploads.js';

let server: TestServer;

beforeEach(async () => {
  server = TestServer.prepare({}, await newPlace());
});
afterEach(() => server.close());

/** An upload of which all but the end has been sent, and the bytes of that end. */
async function beginUpload(): Promise<{ connection: RawConnection; rest: string }> {
  const body = `--xyz\r\n${textPart('purpose', 'batch')}\r\n--xyz\r\n${filePart(LINE)}\r\n--xyz--\r\n`;
  const connection = await RawConnection.open(server.url);
  connection.send(
    'POST /v1/files HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n' +
      `authorization: Bearer ${server.adminKey}\r\ncontent-type: multipart/form-data; boundary=xyz\r\n` +
      `content-length: ${body.length}\r\n\r\n`,
  );
  await connection.until('100 Continue'); // The server has the request in hand now.
  connection.send(body.slice(0, -20));
  return { connection, rest: body.slice(-20) };
}

describe('starting', () => {
  it('says where it listens, and never its key', async () => {
    await server.restart();
    const { url } = server;
    expect(server.logs).toContainEqual(
      expect.objectContaining({ level: 'info', msg: `millrace is listening on ${url}`, url }),
    );
    expect(JSON.stringify(server.logs)).not.toContain(server.adminKey);
  });

  it('keeps its keys over restarts', async () => {
    await server.restart();
    const { adminKey } = server;
    await server.stop();
    await server.restart();
    expect(server.adminKey).toBe(adminKey);
    expect((await server.fetch('/v1/files')).status).toBe(200);
  });

  it('refuses a wrong configuration with the whole list of problems and nothing else', async () => {
    const program = server.launch({ MILLRACE_PORT: 'soon', MILLRACE_PROT: '1' });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.lines[0]).toBe('The configuration has 2 problems:');
    expect(program.lines).toHaveLength(3);
  });

  it('refuses a port that is taken', async () => {
    await server.restart();
    const second = server.launch({ MILLRACE_DATA_DIR: `${server.place.folder}/data-2` });
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.lines.at(-1)).toContain('is taken; set MILLRACE_PORT');
    expect((await server.fetch('/livez')).status).toBe(200);
  });
});

describe('stopping', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('ends with 0 on %s', async (signal) => {
    await server.restart();
    await server.fetch('/v1/files'); // leaves a connection open
    const said = server.logs.length;
    expect(await server.kill(signal)).toEqual({ code: 0, signal: null });
    expect(server.logs.at(-1)).toMatchObject({ msg: 'millrace has stopped' });
    expect(server.logs.slice(said).filter(({ level }) => level !== 'info')).toEqual([]);
  });

  it('lets an upload end that is under way, and takes no new request meanwhile', async () => {
    await server.restart();
    const upload = await beginUpload();
    const late = await RawConnection.open(server.url);
    const probe = await RawConnection.open(server.url);
    late.send('GET /v1/files HTTP/1.1\r\n');
    probe.send('GET /readyz HTTP/1.1\r\n');
    await server.fetch('/livez'); // Behind these bytes: the server has read them now.
    server.send('SIGTERM');
    await server.logged(({ msg }) => msg.startsWith('stopping'));
    late.send(`host: x\r\nauthorization: Bearer ${server.adminKey}\r\n\r\n`);
    probe.send('host: x\r\n\r\n');
    const refusal = await late.end();
    expect(refusal).toMatch(/^HTTP\/1\.1 503 /);
    expect(refusal).toContain('retry-after: 1\r\n');
    expect(refusal).toContain('"code":"shutting_down"');
    expect(await probe.end()).toContain('"status":"not_ready"');
    await expect(fetch(`${server.url}/livez`)).rejects.toThrow('fetch failed');
    upload.connection.send(upload.rest);
    expect(await upload.connection.end()).toContain('HTTP/1.1 200 OK');
    expect(await server.ended).toEqual({ code: 0, signal: null });
    await server.restart();
    expect((await server.openai.files.list()).data).toHaveLength(1);
  });

  it('cuts off what is not done within the grace time', async () => {
    await server.restart({ MILLRACE_SHUTDOWN_GRACE: '100ms' });
    const { connection } = await beginUpload();
    expect(await server.stop()).toEqual({ code: 0, signal: null });
    expect(await connection.end()).not.toContain('HTTP/1.1 200');
    await server.restart();
    expect((await server.openai.files.list()).data).toEqual([]);
  });

  it('ends at once when asked again', async () => {
    await server.restart({ MILLRACE_SHUTDOWN_GRACE: '1h' });
    await beginUpload();
    server.send('SIGTERM');
    const again = vi.waitFor(
      () => {
        server.send('SIGTERM');
        expect(server.isRunning).toBe(false);
      },
      { interval: 100, timeout: 10_000 },
    );
    expect(await server.ended).toEqual({ code: 1, signal: null });
    await again;
  });
});
