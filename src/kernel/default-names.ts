/** The tenant of the admin key, of what is set up by variables, and of everybody where authentication is off. */
export const DEFAULT_TENANT = 'default';

/** The shared queue that takes what no other queue does. */
export const DEFAULT_QUEUE = 'default';
