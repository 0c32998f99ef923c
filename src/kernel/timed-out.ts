/** Why there is no answer for a caller whose time was over: said then, and whenever his cancelled task is asked for again. */
export const TIMED_OUT = { status: 408, code: 'timeout', message: 'Nobody was done with the task in time.' };
