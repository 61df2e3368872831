import type { Pace } from './browser.ts';
import type { Site, WorkerPlan } from './worker.ts';

/** How large a run is. */
export interface Plan {
  readonly flaskWorkers: number;
  readonly nodeWorkers: number;
  readonly browsers: number;
  readonly rotations: number;
  readonly naiveRotations: number;
  readonly leaseSeconds: number;
  /** A new trouble after each so many rotations, until there were so many. */
  readonly troubleEvery: number;
  readonly troubles: number;
  /** Whether the service is away for longer than a lease, once. */
  readonly hasLongOutage: boolean;
}

export const LONG: Plan = {
  flaskWorkers: 12,
  nodeWorkers: 4,
  browsers: 400,
  rotations: 36,
  naiveRotations: 2,
  leaseSeconds: 8,
  troubleEvery: 3,
  troubles: 9,
  hasLongOutage: true,
};

/** For CI: under a minute on a quiet machine with two cores. */
export const SHORT: Plan = {
  flaskWorkers: 4,
  nodeWorkers: 2,
  browsers: 120,
  rotations: 6,
  naiveRotations: 1,
  leaseSeconds: 5,
  troubleEvery: 1,
  troubles: 4,
  hasLongOutage: false,
};

export const LIFETIME_SECONDS = 30;

/** Years of a real keyring in minutes. A slot every 10 s is as fast as a lease of 8 s and a skew of 1 s allow. */
export function policyOf({ leaseSeconds }: Plan): object {
  const schedule = { cron: '*/10 * * * * *' };
  return { schedule, leaseSeconds, refreshSeconds: 1, skewSeconds: 1, tokenLifetimeSeconds: LIFETIME_SECONDS };
}

/** Seconds that the service may hold a request of a worker that listens for changes. The client takes a third of the lease at most. */
const WAIT = 20;

/** Half of the Flask workers are forked from a loaded master; every other one listens for changes; one of each site asks late. */
export function workerPlans({ flaskWorkers, nodeWorkers }: Plan): WorkerPlan[] {
  const flask = Array.from({ length: flaskWorkers }, (_, index) =>
    plan('flask', index, index % 2 === 0 ? 'gunicorn' : 'gunicorn --preload', index % 4 < 2, index === flaskWorkers - 1),
  );
  const node = Array.from({ length: nodeWorkers }, (_, index) =>
    plan('node', index, index % 2 === 0 ? 'express' : 'fastify', index % 4 < 2, index === nodeWorkers - 1),
  );
  return [...flask, ...node];
}

function plan(site: Site, index: number, kind: WorkerPlan['kind'], listens: boolean, isLate: boolean): WorkerPlan {
  return { name: `${site}-${index + 1}`, site, kind, wait: listens && !isLate ? WAIT : 0, isLate };
}

/** Busy people, others, and those who come back after several rotations. */
const PACES: readonly Pace[] = [
  [500, 2_500],
  [3_000, 8_000],
  [14_000, 25_000],
];

export function paceOf(index: number): Pace {
  return PACES[index % PACES.length] ?? [1_000, 2_000];
}
