#!/usr/bin/env node
import packageJson from '../package.json' with { type: 'json' };
import { createClient } from './cli/client.ts';
import { run } from './cli/run.ts';
import { systemClock } from './clock.ts';
import { serve } from './compose/serve.ts';
import { loadClientSettings } from './config/client.ts';
import { currentSurroundings } from './config/surroundings.ts';
import { systemRandom } from './random.ts';

process.exitCode = await run(process.argv.slice(2), {
  client: createClient(() => loadClientSettings(currentSurroundings())),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  isTerminal: process.stdout.isTTY === true,
  clock: systemClock,
  random: systemRandom,
  serve,
  version: packageJson.version,
});
