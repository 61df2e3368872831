import { parseArgs } from 'node:util';
import { FAULTS, type Fault } from './faults.ts';
import { Tally } from './tally.ts';
import { runSchedule } from './world.ts';

/** `npm run sim`: docs/simulator.md says how to use it. */

const DEFAULT_SCHEDULES = 100_000;
const PROGRESS_EVERY = 5_000;
const MAX_SHOWN = 20;

const { values } = parseArgs({
  options: { seed: { type: 'string' }, from: { type: 'string' }, fault: { type: 'string' } },
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function faultNamed(name: string | undefined): Fault | null {
  if (name === undefined) return null;
  const found = FAULTS.find((fault) => fault.name === name);
  if (found === undefined)
    throw new Error(`There is no fault "${name}". There are:\n${FAULTS.map((fault) => `  ${fault.name}`).join('\n')}`);
  return found;
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 0) throw new Error(`${name} must be a whole number, not "${text}".`);
  return number;
}

/** One schedule again, with all that happened in it. */
async function replay(seed: number, fault: Fault | null): Promise<boolean> {
  const { violation, tally } = await runSchedule(seed, fault, say);
  table(tally);
  say(violation === null ? `Schedule ${seed}: every promise was kept.` : `Schedule ${seed}: ${violation.message}`);
  return violation === null;
}

async function runMany(from: number, count: number, fault: Fault | null): Promise<boolean> {
  const total = new Tally();
  const failed: number[] = [];
  const began = performance.now();
  for (let done = 0; done < count; done++) {
    const { violation, tally } = await runSchedule(from + done, fault);
    total.add(tally);
    if (violation !== null && failed.push(from + done) <= MAX_SHOWN) say(`FAILED --seed ${from + done}: ${violation.message}`);
    if ((done + 1) % PROGRESS_EVERY === 0) progress(done + 1, count, failed.length, began);
  }
  table(total);
  progress(count, count, failed.length, began);
  return failed.length === 0;
}

function progress(done: number, count: number, failed: number, began: number): void {
  const seconds = (performance.now() - began) / 1_000;
  say(`${done} of ${count} schedules, ${failed} failed, ${Math.round(done / seconds)} a second, ${Math.round(seconds)} s`);
}

function table(tally: Tally): void {
  for (const [what, times] of tally.rows()) say(`${String(times).padStart(12)}  ${what}`);
}

const fault = faultNamed(values.fault);
const count = wholeNumber('KEYTURN_SIM_SCHEDULES', process.env.KEYTURN_SIM_SCHEDULES ?? String(DEFAULT_SCHEDULES));
const kept =
  values.seed === undefined
    ? await runMany(wholeNumber('--from', values.from ?? '1'), count, fault)
    : await replay(wholeNumber('--seed', values.seed), fault);
process.exitCode = kept ? 0 : 1;
