import { expect, it } from 'vitest';
import { layOut } from './config-layout.js';

it('shows settings in columns, with the origin of what is not a default', () => {
  const text = layOut([
    { name: 'MILLRACE_PORT', value: '9000', origin: 'environment' },
    { name: 'MILLRACE_SECRET', value: null, origin: 'default' },
    { name: 'MILLRACE_ADMIN_KEY', value: 'set, ends in …cdef', origin: 'MILLRACE_ADMIN_KEY_FILE' },
  ]);
  expect(text.split('\n')).toEqual([
    'MILLRACE_PORT       9000                (environment)',
    'MILLRACE_SECRET     -',
    'MILLRACE_ADMIN_KEY  set, ends in …cdef  (MILLRACE_ADMIN_KEY_FILE)',
  ]);
});
