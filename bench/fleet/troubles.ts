import { setTimeout as pause } from 'node:timers/promises';
import type { KeyturnService } from './keyturn-service.ts';
import type { Tally } from './tally.ts';
import type { Worker } from './worker.ts';

export interface Scene {
  readonly service: KeyturnService;
  readonly workers: readonly Worker[];
  readonly tally: Tally;
  /** In milliseconds. */
  readonly lease: number;
  /** Starts a worker with what all of them are started with. */
  readonly start: (worker: Worker) => Promise<void>;
}

export interface Trouble {
  readonly what: string;
  readonly act: (scene: Scene) => Promise<void>;
}

/** In their order; a run that is long enough meets them all. */
export const TROUBLES: readonly Trouble[] = [
  { what: 'a process of gunicorn is killed; its master makes another', act: (scene) => the(scene, 'flask-1').killServing() },
  { what: 'the service is restarted', act: ({ service }) => restarted(service, 'SIGTERM') },
  { what: 'a process forked by --preload is killed', act: (scene) => the(scene, 'flask-2').killServing() },
  { what: 'the service is frozen for 0.7 of a lease', act: frozen },
  { what: 'a Node worker is killed, and started again a lease later', act: (scene) => away(scene, 'node-2', 'SIGKILL', scene.lease) },
  { what: 'a Flask worker is stopped and started', act: (scene) => away(scene, 'flask-3', 'SIGTERM', 0) },
  { what: 'the service is killed and started', act: ({ service }) => restarted(service, 'SIGKILL') },
  { what: 'a Flask worker is frozen for longer than a lease', act: (scene) => the(scene, 'flask-4').freezeServing(scene.lease + 2_000) },
  { what: 'a Node worker is restarted', act: (scene) => away(scene, 'node-1', 'SIGTERM', 0) },
];

/** The last one of a run that has it. */
export const LONG_OUTAGE: Trouble = {
  what: 'the service is away for two leases: workers have to stop using their keys, and to go on afterwards',
  async act({ service, workers, tally, lease }) {
    tally.isOutage = true;
    await service.end('SIGTERM');
    await pause(2 * lease);
    for (const worker of workers) {
      if (await worker.hasStopped()) tally.failedClosed++;
      else tally.faults.reject(`${worker.plan.name} goes on although its lease has ended`);
    }
    await service.start();
    // Whoever failed to ask asks again after seconds, and later each time.
    await pause(2 * lease);
    tally.isOutage = false;
  },
};

async function restarted(service: KeyturnService, signal: NodeJS.Signals): Promise<void> {
  await service.end(signal);
  await service.start();
}

async function frozen({ service, lease }: Scene): Promise<void> {
  service.signal('SIGSTOP');
  await pause(0.7 * lease);
  service.signal('SIGCONT');
}

async function away(scene: Scene, name: string, signal: NodeJS.Signals, time: number): Promise<void> {
  const worker = the(scene, name);
  await worker.end(signal);
  await pause(time);
  await scene.start(worker);
}

function the({ workers }: Scene, name: string): Worker {
  const worker = workers.find(({ plan }) => plan.name === name);
  if (worker === undefined) throw new Error(`There is no worker ${name}.`);
  return worker;
}
