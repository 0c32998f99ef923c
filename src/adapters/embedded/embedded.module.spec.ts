import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Global, Module, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Inbox } from '../../../test/support/inbox.js';
import { makeTemporaryFolder, type TemporaryFolder } from '../../../test/support/temporary-folder.js';
import { AppConfig } from '../../config/app-config.js';
import { Clock, SystemClock } from '../../kernel/clock.js';
import { BlobStore } from '../../ports/blob-store.js';
import { Broker } from '../../ports/broker.js';
import { EventBus } from '../../ports/event-bus.js';
import { Limiter } from '../../ports/limiter.js';
import { AppLogger, createLogger } from '../../telemetry/logger.js';
import { EmbeddedModule } from './embedded.module.js';
import { FsBlobStore } from './fs-blob-store.js';
import { InProcessBroker } from '../local/in-process-broker.js';
import { LocalEventBus } from '../local/local-event-bus.js';
import { MemoryLimiter } from './memory-limiter.js';

describe('EmbeddedModule', () => {
  let folder: TemporaryFolder;
  let app: INestApplicationContext;
  let logged: Inbox<string>;
  const leftover = () => join(folder.path, 'tmp', 'blob_half.1');

  beforeEach(async () => {
    folder = await makeTemporaryFolder();
    await mkdir(join(folder.path, 'tmp'));
    await writeFile(leftover(), 'half');
    logged = new Inbox();
    const logger = createLogger({ level: 'error', format: 'json' }, { write: logged.add });

    @Global()
    @Module({
      providers: [
        { provide: AppConfig, useValue: { dataDir: folder.path } },
        { provide: Clock, useClass: SystemClock },
        { provide: AppLogger, useValue: logger },
      ],
      exports: [AppConfig, Clock, AppLogger],
    })
    class CompositionRoot {}

    @Module({ imports: [CompositionRoot, EmbeddedModule] })
    class TestModule {}

    app = await NestFactory.createApplicationContext(TestModule, { logger: false });
  });

  afterEach(async () => {
    await app.close();
    await folder.remove();
  });

  it('gives an embedded adapter for each port', () => {
    expect(app.get(BlobStore)).toBeInstanceOf(FsBlobStore);
    expect(app.get(Broker)).toBeInstanceOf(InProcessBroker);
    expect(app.get(EventBus)).toBeInstanceOf(LocalEventBus);
    expect(app.get(Limiter)).toBeInstanceOf(MemoryLimiter);
  });

  it('opens the blobs in the data folder', async () => {
    const writer = await app.get(BlobStore).create('blob_1');
    await writer.write(Buffer.from('abc'));
    await writer.commit();
    expect((await app.get(BlobStore).readRange('blob_1', 0, 3)).toString()).toBe('abc');
    await access(join(folder.path, 'blobs'));
  });

  it('logs what consumers and listeners throw', async () => {
    const fail = () => {
      throw new Error('oh dear');
    };
    app.get(Broker).consume(fail);
    app.get(EventBus).on('queues.changed').subscribe(fail);
    app.get(Limiter).freed.subscribe(fail);

    app.get(Broker).call({ laneId: 7, level: 2 });
    const [ofBroker] = await logged.first(1);
    expect(JSON.parse(ofBroker!)).toMatchObject({ name: 'broker', laneId: 7, level: 2, err: { message: 'oh dear' } });

    app.get(EventBus).publish('queues.changed', {});
    const [, ofBus] = await logged.first(2);
    expect(JSON.parse(ofBus!)).toMatchObject({ name: 'event-bus', topic: 'queues.changed' });

    await app.get(Limiter).acquire('up_1', 0, 2, { concurrency: 1, perMinute: null });
    app.get(Limiter).release('up_1', 1);
    const [, , ofLimiter] = await logged.first(3);
    expect(JSON.parse(ofLimiter!)).toMatchObject({ name: 'limiter', err: { message: 'oh dear' } });
  });

  it('closes all of them with the application', async () => {
    const completed = new Inbox<string>();
    app
      .get(EventBus)
      .on('queues.changed')
      .subscribe({ complete: () => completed.add('events') });
    app.get(Limiter).freed.subscribe({ complete: () => completed.add('permits') });
    const writer = await app.get(BlobStore).create('blob_1');
    await app.close();
    expect(completed.items).toEqual(['events', 'permits']);
    await expect(writer.commit()).rejects.toThrow('aborted');
  });

  it('clears up what a dead process left', async () => {
    await expect(access(leftover())).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
