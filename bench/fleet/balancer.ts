import { setTimeout as pause } from 'node:timers/promises';
import { type Cookies, type Reply, send } from './request.ts';
import type { Tally } from './tally.ts';
import type { Site, Worker } from './worker.ts';

const ATTEMPTS = 200;

/** Round robin over the workers of each site: each request goes to the next one. Where a worker does not answer, the one after it is asked. */
export class Balancer {
  readonly #sites: Readonly<Record<Site, readonly Worker[]>>;
  readonly #tally: Tally;
  readonly #turns: Record<Site, number> = { flask: 0, node: 0 };

  constructor(workers: readonly Worker[], tally: Tally) {
    const of = (site: Site): Worker[] => workers.filter(({ plan }) => plan.site === site);
    this.#sites = { flask: of('flask'), node: of('node') };
    this.#tally = tally;
  }

  async send(site: Site, method: 'GET' | 'POST', path: string, cookies: Cookies, form?: Record<string, string>): Promise<Reply> {
    const workers = this.#sites[site];
    for (let attempt = 1; ; attempt++) {
      const worker = workers[this.#turns[site]++ % workers.length];
      if (worker === undefined) throw new Error(`There are no workers of ${site}.`);
      try {
        const reply = await send(worker.port, method, path, cookies, form);
        this.#tally.requests++;
        return reply;
      } catch (error) {
        this.#tally.unanswered++;
        if (attempt === ATTEMPTS) throw error;
        if (attempt % workers.length === 0) await pause(250);
      }
    }
  }
}
