import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './children.ts';
import { type EmergencyFigures, emergency } from './emergency.ts';
import { KEYRING, KeyturnService } from './keyturn-service.ts';
import { LIFETIME_SECONDS, type Plan, policyOf } from './plan.ts';
import { type RotationFigures, Rotations, rotationFigures } from './rotations.ts';
import { SlowLine } from './slow-line.ts';
import { Stage, type Surroundings } from './stage.ts';
import type { Tally } from './tally.ts';
import { LONG_OUTAGE, type Scene, TROUBLES, type Trouble } from './troubles.ts';
import type { Worker } from './worker.ts';

export interface KeyturnRun {
  readonly tally: Tally;
  readonly rotations: RotationFigures;
  readonly emergency: EmergencyFigures;
  readonly seconds: number;
}

type Say = (line: string) => void;

/** Milliseconds that one packet to the service takes at most on the slow line. */
const SLOWEST = 1_200;
/** Milliseconds that a version signs before the next rotation is asked for. */
const REST = 1_500;

/** The whole fleet under Keyturn: rotations, troubles, and an emergency at the end. */
export async function runWithKeyturn(plan: Plan, surroundings: Surroundings, say: Say): Promise<KeyturnRun> {
  const folder = join(surroundings.folder, 'with-keyturn');
  mkdirSync(folder);
  const service = await KeyturnService.start(folder, policyOf(plan));
  const slowPort = await freePort();
  const line = await SlowLine.open(slowPort, service.port, SLOWEST);
  const envOf = ({ plan: { isLate } }: Worker): Record<string, string> => ({
    KEYTURN_URL: `http://127.0.0.1:${isLate ? slowPort : service.port}`,
    KEYTURN_TOKEN_FILE: service.tokenFile,
    KEYTURN_KEYRING: KEYRING,
    FLEET_LIFETIME: String(LIFETIME_SECONDS),
  });
  const stage = await Stage.open(plan, { ...surroundings, folder }, envOf);
  const run = await live(plan, service, stage, { start: (worker) => worker.start(envOf(worker)), say });
  await stage.close();
  line.close();
  await service.end();
  return run;
}

interface Means {
  readonly start: (worker: Worker) => Promise<void>;
  readonly say: Say;
}

async function live(plan: Plan, service: KeyturnService, stage: Stage, { start, say }: Means): Promise<KeyturnRun> {
  const { tally, workers, browsers, traffic } = stage;
  const { summary } = await service.call('GET', `/v1/keyrings/${KEYRING}/instances`);
  say(`${workers.length} workers run; ${summary.instances} instances hold a lease, the masters of --preload among them`);
  const began = Date.now();
  traffic.start();
  await rotate(plan, { service, workers, tally, lease: plan.leaseSeconds * 1_000, start }, say);
  await traffic.stop();
  const seconds = Math.round((Date.now() - began) / 1_000);
  const rotations = await rotationFigures(service, began);
  return { tally, rotations, seconds, emergency: await emergency(service, workers, browsers) };
}

/** Rotations one after the other; troubles beside them, one at a time. */
async function rotate(plan: Plan, scene: Scene, say: Say): Promise<void> {
  const troubles = troublesOf(plan);
  let due = plan.troubleEvery;
  let trouble: Promise<void> = Promise.resolve();
  await new Rotations(scene.service, REST).run(plan.rotations, (done) => {
    say(`${done} rotations, ${scene.tally.requests} requests, ${scene.tally.rejections} rejections`);
    if (done < due) return;
    due += plan.troubleEvery;
    trouble = trouble.then(() => meet(troubles.shift(), scene, say));
    // It rejects where it is awaited.
    trouble.catch(() => {});
  });
  await trouble;
}

async function meet(trouble: Trouble | undefined, scene: Scene, say: Say): Promise<void> {
  if (trouble === undefined) return;
  say(`  ${trouble.what}`);
  await trouble.act(scene);
}

function troublesOf({ troubles, hasLongOutage }: Plan): Trouble[] {
  return [...TROUBLES.slice(0, troubles), ...(hasLongOutage ? [LONG_OUTAGE] : [])];
}
