import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './children.ts';
import { machine } from './machine.ts';
import { runNaively } from './naive.ts';
import { LONG, SHORT } from './plan.ts';
import { comparison, crossings } from './report.ts';
import { runWithKeyturn } from './with-keyturn.ts';

/**
 * The proof that rotations are noticed by nobody: real processes, real browsers' habits, and rotations one after the other.
 * Usage: npm run fleet [-- --short]. Exit code 1 where anything was rejected that should not have been, or the other way round.
 */

/** Within so many milliseconds no connected worker may accept what was signed before an emergency. */
const EMERGENCY_LIMIT = 5_000;

const plan = process.argv.includes('--short') ? SHORT : LONG;
const python = pythonWithFlask();
if (python !== null) process.exitCode = (await prove(python)) ? 0 : 1;
else if (process.env.CI === 'true') process.exitCode = 1;

/** The Python that runs the Flask workers; null, with the reason printed, where there is none. */
function pythonWithFlask(): string | null {
  const { status, stdout, stderr, error } = spawnSync('python3', ['clients/python/run-tests', 'python', 'flask-3.1'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  if (status === 0) return stdout.trim();
  console.log(`skipped: there is no Python with Flask. ${error === undefined ? stderr.trim() : 'python3 is not installed.'}`);
  return null;
}

async function prove(python: string): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-fleet-'));
  const began = Date.now();
  const since = (): string => `${((Date.now() - began) / 1_000).toFixed(0).padStart(4)} s`;
  const say = (line: string): void => console.log(`${since()}  ${line}`);
  const surroundings = { python, folder, random: Math.random };
  console.log(machine());
  console.log(`${plan.flaskWorkers} Flask workers under gunicorn, ${plan.nodeWorkers} Node workers, ${plan.browsers} browsers\n`);
  try {
    const run = await runWithKeyturn(plan, surroundings, say);
    const naive = await runNaively(plan, surroundings, say);
    const { cookies, accepted, listening, polling } = run.emergency;
    console.log(`\n${comparison(run, naive)}\n\n${crossings(run)}`);
    for (const line of run.tally.explanations()) console.log(`REJECTED ${line}`);
    const first = naive.tally.explanations()[0];
    if (first !== undefined) console.log(`\nOne of the naive rejections. ${first}`);
    console.log(
      `\nEmergency rotation: ${cookies} old sessions, refused by each worker that holds a request after ${listening} ms, by the others after ${polling} ms; accepted after that: ${accepted}`,
    );
    console.log(`${since().trim()} in all`);
    return run.tally.rejections === 0 && accepted === 0 && Math.max(listening, polling) <= EMERGENCY_LIMIT;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
