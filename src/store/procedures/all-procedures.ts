/** Loads every procedure, so that the writer knows them by name. */
import './access.procedures.js';
import './batch.procedures.js';
import './file.procedures.js';
import './health.procedures.js';
import './instance.procedures.js';
import './queue.procedures.js';
import './task.procedures.js';
import './upstream.procedures.js';
