import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startSim, type Sim } from './sim-server.js';

let sim: Sim;
let client: OpenAI;

beforeAll(async () => {
  sim = await startSim();
  client = new OpenAI({ apiKey: 'any', baseURL: sim.url, maxRetries: 0 });
});

afterAll(() => sim.close());

const chat = { model: 'm', messages: [{ role: 'user' as const, content: 'Summarise the turbine maintenance manual' }] };

function send(path: string, body: unknown, method = 'POST'): Promise<Response> {
  const isText = typeof body === 'string';
  return fetch(sim.url + path, { method, ...(body === null ? {} : { body: isText ? body : JSON.stringify(body) }) });
}

async function errorOf(response: Response): Promise<unknown> {
  return ((await response.json()) as { error: unknown }).error;
}

describe('plain answers', () => {
  it('answers a chat about the words of its last user message', async () => {
    const { data, response } = await client.chat.completions.create(chat).withResponse();
    expect(data).toMatchObject({ object: 'chat.completion', model: 'm' });
    expect(data.choices).toHaveLength(1);
    expect(data.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', message: { role: 'assistant' } });
    const content = data.choices[0]!.message.content!;
    expect(content).toMatch(/Summarise|turbine|maintenance|manual/);
    const answered = content.split(' ').length;
    expect(data.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: answered, total_tokens: 5 + answered });
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('x-request-id')).toMatch(/^req_[0-9a-f]{32}$/);
  });

  it('reads the text parts of a chat message and escapes what it echoes', async () => {
    const content = [
      { type: 'text' as const, text: 'Größenwahn "quoted\\words" ☃☃☃☃' },
      { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,AA==' } },
    ];
    const answer = await client.chat.completions.create({ model: 'm"\\', messages: [{ role: 'user', content }] });
    expect(answer.model).toBe('m"\\');
    expect(answer.usage!.prompt_tokens).toBe(3);
    expect(answer.choices[0]!.message.content).toMatch(/Größenwahn|quoted|words|☃☃☃☃/);
  });

  it('answers one legacy completion for each prompt', async () => {
    const answer = await client.completions.create({ model: 'm', prompt: ['harbour cranes', 'railway bridges'] });
    expect(answer.object).toBe('text_completion');
    expect(answer.choices.map((choice) => choice.index)).toEqual([0, 1]);
    expect(answer.choices[0]!.text).toMatch(/harbour|cranes/);
    expect(answer.choices[1]!.text).toMatch(/railway|bridges/);
    expect(answer.usage!.prompt_tokens).toBe(4);
  });

  it('answers a response, for a string and for input items', async () => {
    const fromText = await client.responses.create({
      model: 'm',
      input: 'Describe volcanoes',
      instructions: 'Be brief',
    });
    expect(fromText).toMatchObject({ object: 'response', status: 'completed', error: null, instructions: 'Be brief' });
    expect(fromText.output_text).toMatch(/Describe|volcanoes/);
    expect(fromText.usage!.input_tokens).toBe(4);
    const input = [{ role: 'user' as const, content: [{ type: 'input_text' as const, text: 'glaciers' }] }];
    const fromItems = await client.responses.create({ model: 'm', input });
    expect(fromItems.output_text).toContain('glaciers');
  });

  it('embeds texts as unit vectors that depend on the text alone', async () => {
    const one = await client.embeddings.create({ model: 'm', input: ['cat', 'dog'], dimensions: 64 });
    const two = await client.embeddings.create({ model: 'm', input: 'dog', dimensions: 64, encoding_format: 'float' });
    const [cat, dog] = one.data.map((item) => item.embedding);
    expect(cat).toHaveLength(64);
    expect(cat!.reduce((sum, value) => sum + value * value, 0)).toBeCloseTo(1, 5);
    expect(dog).not.toEqual(cat);
    expect(Array.from(Float32Array.from(two.data[0]!.embedding))).toEqual(Array.from(dog!));
    expect(one.usage).toEqual({ prompt_tokens: 2, total_tokens: 2 });
    const usual = await client.embeddings.create({ model: 'm', input: [[1, 2, 3]] });
    expect(usual.data[0]!.embedding).toHaveLength(1_536);
  });

  it('moderates each text and flags some words', async () => {
    const answer = await client.moderations.create({ input: ['a lovely day', 'I will attack you'] });
    expect(answer.model).toBe('omni-moderation-latest');
    expect(answer.results.map((result) => result.flagged)).toEqual([false, true]);
    expect(answer.results[1]!.categories.violence).toBe(true);
    expect(answer.results[1]!.category_scores.violence).toBeGreaterThan(answer.results[0]!.category_scores.violence);
    const parts = await client.moderations.create({ input: [{ type: 'text', text: 'I hate it' }] });
    expect(parts.results).toHaveLength(1);
    expect(parts.results[0]!.categories.hate).toBe(true);
  });

  it('lists its models', async () => {
    const names: string[] = [];
    for await (const model of client.models.list()) names.push(model.id);
    expect(names).toEqual(['sim']);
  });
});

describe('refusals', () => {
  it('answers an unknown path or method with a 404 envelope', async () => {
    for (const [method, path] of [
      ['POST', '/nothing'],
      ['GET', '/chat/completions'],
      ['POST', '/toString'],
    ] as const) {
      const response = await send(path, null, method);
      expect(response.status).toBe(404);
      expect(await errorOf(response)).toEqual({
        message: `Invalid URL (${method} /v1${path})`,
        type: 'invalid_request_error',
        param: null,
        code: null,
      });
    }
    await expect(client.files.list()).rejects.toBeInstanceOf(NotFoundError);
  });

  it.each(['{"model":', '', '[]', 'null', '"text"'])('refuses a body that is no JSON object: %j', async (body) => {
    const response = await send('/chat/completions', body);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error', param: null });
  });

  it.each([
    ['/chat/completions', { messages: chat.messages }, null, null],
    ['/chat/completions', { model: '' }, null, null],
    ['/chat/completions', { model: 'm' }, 'messages', 'missing_required_parameter'],
    ['/chat/completions', { model: 'm', messages: 'x' }, 'messages', 'invalid_type'],
    ['/chat/completions', { model: 'm', messages: [] }, 'messages', 'empty_array'],
    ['/chat/completions', { model: 'm', messages: [null] }, 'messages[0]', 'invalid_type'],
    ['/chat/completions', { model: 'm', messages: [{}] }, 'messages[0].role', 'missing_required_parameter'],
    ['/completions', { model: 'm' }, 'prompt', 'missing_required_parameter'],
    ['/completions', { model: 'm', prompt: 7 }, 'prompt', 'invalid_type'],
    ['/responses', { model: 'm' }, 'input', 'missing_required_parameter'],
    ['/responses', { model: 'm', input: [null] }, 'input[0]', 'invalid_type'],
    ['/embeddings', { model: 'm' }, 'input', 'missing_required_parameter'],
    ['/embeddings', { model: 'm', input: [{}] }, 'input[0]', 'invalid_type'],
    ['/embeddings', { model: 'm', input: 'x', dimensions: 0 }, 'dimensions', 'invalid_value'],
    ['/embeddings', { model: 'm', input: 'x', encoding_format: 'hex' }, 'encoding_format', 'invalid_value'],
    ['/moderations', {}, 'input', 'missing_required_parameter'],
  ])('%s refuses %j', async (path, body, param, code) => {
    const response = await send(path, body);
    expect(response.status).toBe(400);
    expect(await errorOf(response)).toMatchObject({ type: 'invalid_request_error', param, code });
  });

  it('reaches SDK callers as the right error class', async () => {
    const refused = client.chat.completions.create({ model: 'm', messages: [] });
    await expect(refused).rejects.toBeInstanceOf(BadRequestError);
    await expect(refused).rejects.toMatchObject({ code: 'empty_array', param: 'messages' });
  });
});

describe('options', () => {
  const started: Sim[] = [];
  const start = async (...options: Parameters<typeof startSim>) => {
    const other = await startSim(...options);
    started.push(other);
    return other;
  };
  afterEach(() => Promise.all(started.splice(0).map((other) => other.close())));

  it('asks for the key when there is one', async () => {
    const { url: baseURL } = await start({ apiKey: 'sesame' });
    const wrong = new OpenAI({ apiKey: 'other', baseURL, maxRetries: 0 });
    await expect(wrong.chat.completions.create(chat)).rejects.toBeInstanceOf(AuthenticationError);
    await expect(wrong.models.list()).rejects.toMatchObject({ code: 'invalid_api_key' });
    expect((await fetch(`${baseURL}/models`)).status).toBe(401);
    const right = new OpenAI({ apiKey: 'sesame', baseURL, maxRetries: 0 });
    expect((await right.chat.completions.create(chat)).object).toBe('chat.completion');
  });

  it('knows only the models it was given', async () => {
    const { url: baseURL } = await start({ models: ['m', 'n'] });
    const other = new OpenAI({ apiKey: 'any', baseURL, maxRetries: 0 });
    expect((await other.models.list()).data.map((model) => model.id)).toEqual(['m', 'n']);
    expect((await other.chat.completions.create(chat)).model).toBe('m');
    const unknown = other.chat.completions.create({ ...chat, model: 'x' });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  it('refuses options that make no sense, by name', async () => {
    await expect(startSim({ rate500: 1.5 })).rejects.toThrow("'rate500'");
    await expect(startSim({ rate500: 0.6, rateHang: 0.6 })).rejects.toThrow('add up to 1.2');
    await expect(startSim({ latencyMs: Number.NaN })).rejects.toThrow("'latencyMs'");
    await expect(startSim({ latencyms: 5 } as object)).rejects.toThrow("'latencyms'");
  });

  it('gives the same bytes for the same seed and body, others for another seed', async () => {
    const [one, two, other] = [await start({ seed: 7 }), await start({ seed: 7 }), await start({ seed: 8 })];
    const paths = {
      '/chat/completions': chat,
      '/completions': { model: 'm', prompt: 'harbour cranes at night' },
      '/responses': { model: 'm', input: 'harbour cranes at night' },
      '/embeddings': { model: 'm', input: 'harbour', dimensions: 8 },
      '/moderations': { input: 'harbour' },
    };
    for (const [path, body] of Object.entries(paths)) {
      const ask = async ({ url }: Sim) =>
        (await fetch(url + path, { method: 'POST', body: JSON.stringify(body) })).text();
      const first = await ask(one);
      expect(await ask(one)).toBe(first);
      expect(await ask(two)).toBe(first);
      expect(await ask(other)).not.toBe(first);
    }
  });

  it('reports a port that is taken', async () => {
    await expect(startSim({ port: sim.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
