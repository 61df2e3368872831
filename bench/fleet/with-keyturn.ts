import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './children.ts';
import { type EmergencyFigures, emergency } from './emergency.ts';
import { KEYRING, KeyturnService } from './keyturn-service.ts';
import { LIFETIME_SECONDS, type Plan, POLICY } from './plan.ts';
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

/** Milliseconds that one packet to the service takes at most on the slow line. */
const SLOWEST = 1_200;
/** Milliseconds that a version signs before the next rotation is asked for. */
const REST = 500;

/** The whole fleet under Keyturn: rotations, troubles, and an emergency at the end. */
export async function runWithKeyturn(plan: Plan, surroundings: Surroundings, say: (line: string) => void): Promise<KeyturnRun> {
  const folder = join(surroundings.folder, 'with-keyturn');
  mkdirSync(folder);
  const service = await KeyturnService.start(folder, POLICY);
  const slowPort = await freePort();
  const line = await SlowLine.open(slowPort, service.port, SLOWEST);
  const envOf = ({ plan: { isLate } }: Worker): Record<string, string> => ({
    KEYTURN_URL: `http://127.0.0.1:${isLate ? slowPort : service.port}`,
    KEYTURN_TOKEN_FILE: service.tokenFile,
    KEYTURN_KEYRING: KEYRING,
    FLEET_LIFETIME: String(LIFETIME_SECONDS),
  });
  const stage = await Stage.open(plan, { ...surroundings, folder }, envOf);
  const { summary } = await service.call('GET', `/v1/keyrings/${KEYRING}/instances`);
  say(`${stage.workers.length} workers run; ${summary.instances} instances hold a lease, the masters of --preload among them`);
  const { tally, workers, browsers, traffic } = stage;
  const began = Date.now();
  traffic.start();
  await rotate(plan, { service, workers, tally, start: (worker) => worker.start(envOf(worker)) }, say);
  await traffic.stop();
  const seconds = Math.round((Date.now() - began) / 1_000);
  const rotations = await rotationFigures(service);
  const figures = await emergency(service, workers, browsers);
  await stage.close();
  line.close();
  await service.end();
  return { tally, rotations, emergency: figures, seconds };
}

/** Rotations one after the other; troubles beside them, one at a time. */
async function rotate(plan: Plan, scene: Scene, say: (line: string) => void): Promise<void> {
  const troubles = troublesOf(plan);
  let trouble: Promise<void> = Promise.resolve();
  await new Rotations(scene.service, REST).run(plan.rotations, (done) => {
    say(`${done} rotations, ${scene.tally.requests} requests, ${scene.tally.rejections} rejections`);
    if (done % plan.troubleEvery !== 0) return;
    trouble = trouble.then(async () => {
      const next = troubles.shift();
      if (next === undefined) return;
      say(`  ${next.what}`);
      await next.act(scene);
    });
    // It rejects where it is awaited.
    trouble.catch(() => {});
  });
  await trouble;
}

function troublesOf({ hasLongOutage }: Plan): Trouble[] {
  return hasLongOutage ? [...TROUBLES, LONG_OUTAGE] : [...TROUBLES];
}
