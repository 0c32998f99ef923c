/** A take's answer, for the API's documentation. */
export const TAKEN_EXAMPLE = {
  'chat:0': [
    {
      task_id: 'task_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b',
      ak: 'key_0198f3a2c4d57b1e8a3f5c6d7e8f9a0b',
      endpoint: '/v1/chat/completions',
      queue: 'chat',
      level: 0,
      data: { model: 'demo-small', messages: [{ role: 'user', content: 'Hello' }] },
      status: 'queued',
      state: 'leased',
      tries: 0,
      start_time: 1_795_370_000_000,
      running_time: 0,
      expire_time: 1_795_456_400_000,
      completed_time: 0,
      response_mode: 'callback',
      lease_token: '7e8f9a0b-1',
      lease_until: 1_795_370_030_000,
    },
  ],
};
