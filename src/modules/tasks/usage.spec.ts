import { describe, expect, it } from 'vitest';
import { usageOf } from './usage.js';

describe('usageOf', () => {
  it('reads the words of chat completions', () => {
    const usage = {
      prompt_tokens: 10,
      completion_tokens: 5,
      total_tokens: 15,
      prompt_tokens_details: { cached_tokens: 4 },
      completion_tokens_details: { reasoning_tokens: 2 },
    };
    expect(usageOf({ usage })).toEqual({
      inputTokens: 10,
      cachedTokens: 4,
      outputTokens: 5,
      reasoningTokens: 2,
      totalTokens: 15,
    });
  });

  it('reads the words of responses', () => {
    const usage = { input_tokens: 3, output_tokens: 4, output_tokens_details: { reasoning_tokens: 1 } };
    expect(usageOf({ usage })).toMatchObject({ inputTokens: 3, outputTokens: 4, reasoningTokens: 1, totalTokens: 7 });
  });

  it('reads embeddings, which have no output', () => {
    expect(usageOf({ usage: { prompt_tokens: 8, total_tokens: 8 } })).toMatchObject({
      outputTokens: 0,
      totalTokens: 8,
    });
  });

  it('says nothing where nothing is said', () => {
    expect(usageOf({})).toBeNull();
    expect(usageOf({ usage: null })).toBeNull();
    expect(usageOf('text')).toBeNull();
  });

  it.each([-1, 1.5, '7', Number.NaN, 2 ** 60, null])('does not believe in %s tokens', (prompt_tokens) => {
    expect(usageOf({ usage: { prompt_tokens, completion_tokens: 1 } })).toMatchObject({
      inputTokens: 0,
      totalTokens: 1,
    });
  });
});
