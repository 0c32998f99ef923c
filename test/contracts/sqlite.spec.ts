/** The contracts of the store, held by SQLite. */
import { describe } from 'vitest';
import { openSqliteDatabase, useTestStore } from '../support/store-factory.js';
import { exerciseStore } from './store.contract.js';

describe('SqliteDatabase', () => exerciseStore(useTestStore(openSqliteDatabase)));
