#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import packageJson from '../package.json' with { type: 'json' };
import { parseToken } from './access/token-format.ts';
import { createClient } from './cli/client.ts';
import { run } from './cli/run.ts';
import { systemClock } from './clock.ts';
import { serve } from './compose/serve.ts';
import { loadClientSettings } from './config/client.ts';
import { currentSurroundings } from './config/surroundings.ts';
import { KeyturnError } from './core/errors.ts';
import { systemRandom } from './random.ts';

/** Where the command line finds the service and its token; read when a command first asks. */
function clientSettings() {
  const { url, token, caFile } = loadClientSettings(currentSurroundings());
  if (token === null) {
    throw new KeyturnError('unauthenticated', 'No token was found. Set KEYTURN_TOKEN_FILE or KEYTURN_TOKEN, or run this beside the data folder.');
  }
  return { url, token, ca: caFile === null ? null : readFileSync(caFile, 'utf8') };
}

function hashToken(text: string): string {
  const token = parseToken(text);
  if (token === null) throw new KeyturnError('invalid_request', 'This is not a Keyturn token, or a part of it is missing.');
  return token.digest.toString('hex');
}

process.exitCode = await run(process.argv.slice(2), {
  client: createClient(clientSettings),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  isTerminal: process.stdout.isTTY === true,
  clock: systemClock,
  newRequestKey: () => systemRandom.bytes(16).toString('hex'),
  hashToken,
  serve,
  version: packageJson.version,
});
