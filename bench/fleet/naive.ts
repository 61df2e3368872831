import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { LIFETIME_SECONDS, type Plan } from './plan.ts';
import { Stage, type Surroundings } from './stage.ts';
import type { Tally } from './tally.ts';

export interface NaiveRun {
  readonly tally: Tally;
  readonly rotations: number;
  readonly seconds: number;
}

/** Time for people to log in and open forms before the first rotation, and between two. */
const REST = 4_000;

/** The same fleet as most people rotate: a new key in the environment, and the workers restarted with it one by one. */
export async function runNaively(plan: Plan, surroundings: Surroundings, say: (line: string) => void): Promise<NaiveRun> {
  let number = 1;
  let key = newKey();
  const env = () => ({ FLEET_KEY: key, FLEET_KEY_NUMBER: String(number), FLEET_LIFETIME: String(LIFETIME_SECONDS) });
  const stage = await Stage.open(plan, { ...surroundings, folder: join(surroundings.folder, 'naive') }, env);
  const began = Date.now();
  stage.traffic.start();
  for (; number <= plan.naiveRotations; ) {
    await pause(REST);
    number++;
    key = newKey();
    for (const worker of stage.workers) {
      await worker.end();
      await worker.start(env());
    }
    say(`${number - 1} naive rotations, ${stage.tally.requests} requests, ${stage.tally.rejections} rejections`);
  }
  await pause(REST);
  await stage.traffic.stop();
  await stage.close();
  return { tally: stage.tally, rotations: plan.naiveRotations, seconds: Math.round((Date.now() - began) / 1_000) };
}

function newKey(): string {
  return randomBytes(32).toString('hex');
}
