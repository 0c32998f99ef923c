/**
 * A deployment of its own for a spec: `api` and `engine` processes, the services that they need, and a simulated upstream.
 * Between each kind of process and each service there is a wire that the spec can cut.
 *
 *   const deployment = await Deployment.start({ apis: 2, engines: 2 });
 *   deployment.links.engine.redis.refuse();
 *   await deployment.mysql.kill();
 *   await deployment.close();
 */
import { createConnection } from 'mysql2/promise';
import type { SimOptions } from '../../src/sim/sim-options.js';
import { Remains } from './remains.js';
import { TestServer, type ServerEnv } from './server.js';
import { startMariadb, type MariadbServer } from './services/mariadb.js';
import { RedisService } from './services/redis.js';
import { S3Service } from './services/s3.js';
import { TcpProxy } from './services/tcp-proxy.js';
import { SharedPlace } from './shared-place.js';
import { SimProcess } from './sim-process.js';
import { until } from './until.js';

export type ProcessRole = 'api' | 'engine';
export type ServiceName = 'mysql' | 'redis' | 's3';
export type Links = Readonly<Record<ServiceName, TcpProxy>>;

export interface DeploymentOptions {
  apis?: number;
  engines?: number;
  sim?: Partial<SimOptions>;
  env?: ServerEnv;
  /** False: the processes are made, but the spec starts them. */
  isStarted?: boolean;
}

const UPSTREAM_CONCURRENCY = 16;
/** Bound by `read_only`, which users with every right are not. */
const PLAIN_USER = 'plain';

export class Deployment {
  private constructor(
    readonly mysql: MariadbServer,
    readonly redis: RedisService,
    readonly s3: S3Service,
    readonly sim: SimProcess,
    readonly place: SharedPlace,
    readonly links: Readonly<Record<ProcessRole, Links>>,
    readonly apis: readonly TestServer[],
    readonly engines: readonly TestServer[],
  ) {}

  static async start(options: DeploymentOptions = {}): Promise<Deployment> {
    const [mysql, redis, s3, sim] = await Promise.all([
      startMariadb(),
      RedisService.start(),
      S3Service.start(1_000),
      SimProcess.start(options.sim),
    ]);
    const place = await SharedPlace.make({ databaseUrl: mysql.url, redisUrl: redis.url, s3Url: s3.url });
    await makePlainUser(mysql.url, place);
    const targets = { mysql: mysql.port, redis: redis.port, s3: Number(new URL(s3.url).port) };
    const links = { api: await wired(targets), engine: await wired(targets) };
    const common = {
      MILLRACE_UPSTREAM_URL: sim.url,
      MILLRACE_UPSTREAM_CONCURRENCY: String(UPSTREAM_CONCURRENCY),
      ...options.env,
    };
    const made = (role: ProcessRole, count: number): TestServer[] => {
      const env = { ...common, MILLRACE_ROLE: role, ...through(links[role], place) };
      return Array.from({ length: count }, () => TestServer.prepare(env, place));
    };
    const [apis, engines] = [made('api', options.apis ?? 2), made('engine', options.engines ?? 2)];
    const deployment = new Deployment(mysql, redis, s3, sim, place, links, apis, engines);
    if (options.isStarted === false) return deployment;
    try {
      await Promise.all(deployment.processes.map((one) => one.restart()));
      return deployment;
    } catch (error) {
      await deployment.close();
      throw error;
    }
  }

  get processes(): TestServer[] {
    return [...this.apis, ...this.engines];
  }

  /** Both wires to a service: that of the `api` processes and that of the engines. */
  linksTo(service: ServiceName): TcpProxy[] {
    return [this.links.api[service], this.links.engine[service]];
  }

  /** One column of one row, read past the wires; the processes may run. */
  async value<V extends string | number>(sql: string): Promise<V | null> {
    return Remains.examine(this.place, (remains) => remains.value<V>(sql));
  }

  /** The engine that holds the most leases now, as soon as one holds any: permits need not be shared evenly. */
  async busiestEngine(): Promise<TestServer> {
    const pid = await until(
      () =>
        this.value<number>(
          `SELECT instance.pid FROM task JOIN instance ON instance.seq = task.owner_seq WHERE task.state = 2
           GROUP BY instance.pid ORDER BY COUNT(*) DESC LIMIT 1`,
        ),
      (found) => found !== null,
    );
    return this.engines.find((engine) => engine.isRunning && engine.pid === pid)!;
  }

  /** As somebody with every right to the database server. */
  async administer(sql: string): Promise<void> {
    const connection = await createConnection({ uri: this.mysql.url, multipleStatements: true });
    try {
      await connection.query(sql);
    } finally {
      await connection.end();
    }
  }

  /** As new, while no process runs. */
  async emptyDatabase(): Promise<void> {
    const name = new URL(this.place.env['MILLRACE_DATABASE_URL']!).pathname.slice(1);
    await this.administer(`DROP DATABASE ${name}; CREATE DATABASE ${name}`);
  }

  /** After a case: wakes who is halted, starts who was killed, and mends the wires. The services have to run. */
  async heal(): Promise<void> {
    this.redis.resume();
    this.mysql.resume();
    for (const wires of [this.links.api, this.links.engine]) for (const wire of Object.values(wires)) wire.resume();
    for (const one of this.processes) if (isUp(one)) one.send('SIGCONT');
    await Promise.all(this.processes.filter((one) => !isUp(one)).map((one) => one.restart()));
  }

  /** Ends all, the processes as an operator would; rejects when one of them did not end well. */
  async end(): Promise<void> {
    const ends = await this.stop();
    await this.close();
    if (ends.length > 0) throw new Error(ends.join(', '));
  }

  /** Ends those that run as an operator would; returns how those ended that did not end well. */
  async stop(): Promise<string[]> {
    const running = this.processes.filter((one) => isUp(one));
    const exits = await Promise.all(running.map((one) => one.stop()));
    return exits.filter(({ code }) => code !== 0).map((exit) => `a process ended with ${JSON.stringify(exit)}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.filter((one) => isUp(one)).map((one) => one.kill()));
    const wires = [...Object.values(this.links.api), ...Object.values(this.links.engine)];
    await Promise.all(wires.map((wire) => wire.close()));
    await this.sim.close();
    // The database goes with its server.
    await Promise.all([this.mysql.stop(), this.redis.stop(), this.s3.stop()]);
    await this.place.forget();
  }
}

/** Started, and not ended since. */
function isUp(server: TestServer): boolean {
  return server.url !== '' && server.isRunning;
}

async function makePlainUser(url: string, place: SharedPlace): Promise<void> {
  const connection = await createConnection({ uri: url });
  try {
    const database = new URL(place.env['MILLRACE_DATABASE_URL']!).pathname.slice(1);
    await connection.query(`CREATE USER ${PLAIN_USER}@'127.0.0.1' IDENTIFIED BY '${new URL(url).password}'`);
    await connection.query(`GRANT ALL ON ${database}.* TO ${PLAIN_USER}@'127.0.0.1'`);
  } finally {
    await connection.end();
  }
}

async function wired(ports: Record<ServiceName, number>): Promise<Links> {
  return {
    mysql: await TcpProxy.start(ports.mysql),
    redis: await TcpProxy.start(ports.redis),
    s3: await TcpProxy.start(ports.s3),
  };
}

/** The variables of a place, led over these wires. */
function through(links: Links, { env }: SharedPlace): ServerEnv {
  const over = (name: string, wire: TcpProxy): string => {
    const url = new URL(env[name]!);
    url.port = String(wire.port);
    return url.href;
  };
  const database = new URL(over('MILLRACE_DATABASE_URL', links.mysql));
  database.username = PLAIN_USER;
  return {
    MILLRACE_DATABASE_URL: database.href,
    MILLRACE_REDIS_URL: over('MILLRACE_REDIS_URL', links.redis),
    MILLRACE_S3_URL: over('MILLRACE_S3_URL', links.s3),
  };
}
