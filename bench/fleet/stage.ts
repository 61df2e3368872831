import { mkdirSync } from 'node:fs';
import { Balancer } from './balancer.ts';
import { Browser } from './browser.ts';
import { LIFETIME_SECONDS, type Plan, paceOf, workerPlans } from './plan.ts';
import { Tally } from './tally.ts';
import { Traffic } from './traffic.ts';
import { Worker } from './worker.ts';

/** How many processes start at one time: more would only take turns on the cores. */
const STARTING = 3;

export interface Surroundings {
  readonly python: string;
  readonly folder: string;
  readonly random: () => number;
}

/** Workers, the browsers that visit them, and what became of it. */
export class Stage {
  readonly tally = new Tally();
  readonly workers: readonly Worker[];
  readonly browsers: readonly Browser[];
  readonly traffic: Traffic;

  private constructor(workers: readonly Worker[], { browsers }: Plan, random: () => number) {
    this.workers = workers;
    const { tally } = this;
    const world = { balancer: new Balancer(workers, tally), tally, lifetime: LIFETIME_SECONDS * 1_000, random };
    this.browsers = Array.from({ length: browsers }, (_, index) => {
      return new Browser(`b${index + 1}`, index % 4 === 3 ? 'node' : 'flask', paceOf(index), world);
    });
    this.traffic = new Traffic(this.browsers, random);
  }

  /** Starts the workers; no browser yet. `envOf` says what a worker needs to know. */
  static async open(
    plan: Plan,
    { python, folder, random }: Surroundings,
    envOf: (worker: Worker) => Record<string, string>,
  ): Promise<Stage> {
    mkdirSync(folder, { recursive: true });
    const workers = await Promise.all(workerPlans(plan).map((one) => Worker.plan(one, python, folder)));
    const stage = new Stage(workers, plan, random);
    const queue = [...workers];
    const starters = Array.from({ length: STARTING }, async () => {
      for (let worker = queue.shift(); worker !== undefined; worker = queue.shift()) await worker.start(envOf(worker));
    });
    await Promise.all(starters);
    return stage;
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.end()));
  }
}
