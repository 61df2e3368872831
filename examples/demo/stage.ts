import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { InjectOptions } from 'fastify';
import { openService, type Service } from '../../src/compose/service.ts';
import { readFromDisk } from '../../src/config/files.ts';
import { loadConfig } from '../../src/config/load.ts';
import { createLogger } from '../../src/logger.ts';
import { systemRandom } from '../../src/random.ts';
import { ManualClock } from '../../test/support/clock.ts';
import { Instance } from './instance.ts';

/** The real service on a data folder of its own, but for its clock: the story decides how fast time passes. */
export class Stage {
  readonly clock = new ManualClock('2026-03-02T09:00:00.000Z');
  readonly #service: Service;
  readonly #dataDir: string;

  private constructor(service: Service, dataDir: string, clock: ManualClock) {
    this.#service = service;
    this.#dataDir = dataDir;
    this.clock = clock;
  }

  static async open(): Promise<Stage> {
    const clock = new ManualClock('2026-03-02T09:00:00.000Z');
    const dataDir = mkdtempSync(join(tmpdir(), 'keyturn-demo-'));
    const settings = loadConfig(
      { env: { KEYTURN_DATA_DIR: dataDir, KEYTURN_LOG_LEVEL: 'silent' }, cwd: dataDir, read: readFromDisk },
      clock.now(),
    );
    const service = await openService(settings, { clock, timers: clock, random: systemRandom, logger: createLogger('silent') });
    return new Stage(service, dataDir, clock);
  }

  instance(name: string): Instance {
    return new Instance(name, this.#service.app, this.#token(), this.clock);
  }

  // biome-ignore lint/suspicious/noExplicitAny: the answers of an HTTP API, shown as they are
  async call(method: InjectOptions['method'] & string, url: string, payload?: object): Promise<any> {
    const headers = { authorization: `Bearer ${this.#token()}` };
    const answer = await this.#service.app.inject({ method, url, headers, ...(payload && { payload }) });
    if (answer.statusCode >= 400) throw new Error(`${method} ${url}: ${answer.json().detail}`);
    return answer.json();
  }

  /** What the service does every second: due slots, retirements. */
  async tick(): Promise<void> {
    await this.#service.validate();
    await this.#service.sweep();
  }

  async close(): Promise<void> {
    await this.#service.stop();
    rmSync(this.#dataDir, { recursive: true, force: true });
  }

  #token(): string {
    return this.#service.firstToken?.text.reveal() ?? '';
  }
}
