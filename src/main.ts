#!/usr/bin/env node
import packageJson from '../package.json' with { type: 'json' };
import { createClient } from './cli/client.ts';
import { run } from './cli/run.ts';
import { systemClock } from './clock.ts';
import { loadClientSettings } from './config/client.ts';
import { loadHealthTarget } from './config/health.ts';
import { currentSurroundings } from './config/surroundings.ts';
import { systemRandom } from './random.ts';

process.exitCode = await run(process.argv.slice(2), {
  client: createClient(() => loadClientSettings(currentSurroundings())),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  variable: (name) => currentSurroundings().env[name],
  isTerminal: process.stdout.isTTY === true,
  clock: systemClock,
  random: systemRandom,
  // Only `serve` needs the service: every other command starts in half the time without it.
  serve: async () => (await import('./compose/serve.ts')).serve(),
  sidecar: async () => (await import('./compose/sidecar.ts')).sidecar,
  atMachine: async () => (await import('./compose/at-machine.ts')).atMachine,
  cwd: process.cwd(),
  auditTools: async () => (await import('./compose/audit-tools.ts')).auditTools(),
  healthTarget: () => loadHealthTarget(currentSurroundings(), systemClock.now()),
  version: packageJson.version,
});
