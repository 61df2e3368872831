import { codeOf, type ErrorCode, KeyturnError, type Log } from '../../clients/node/src/index.ts';
import { execProgram, runSideCar, type SideCarDeps } from '../agent/start.ts';
import { EXIT, type ExitCode, Failure } from '../cli/failure.ts';
import { systemClock, systemTimers } from '../clock.ts';
import { loadClientSettings, tokenFileOf } from '../config/client.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import type { SideCar } from '../ports/sidecar.ts';
import { systemRandom } from '../random.ts';

const SIGNALS: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'];

export const sidecar: SideCar = {
  exec: (request) => withRefusals(() => execProgram(request, surroundings())),
  agent: (settings) =>
    withRefusals(async () => {
      await runSideCar(settings, surroundings());
      return EXIT.ok;
    }),
};

/** @throws KeyturnError `invalid_config`; Failure where there is no token */
function surroundings(): SideCarDeps {
  const around = currentSurroundings();
  const { url, token, caFile } = loadClientSettings(around);
  const tokenFile = tokenFileOf(around);
  if (token === null)
    throw new Failure(EXIT.unauthorised, 'No token was found. Name the file of one with the role app in KEYTURN_TOKEN_FILE.', {
      code: 'unauthenticated',
    });
  return {
    clock: systemClock,
    timers: systemTimers,
    random: () => systemRandom.bytes(4).readUInt32BE() / 2 ** 32,
    log: logLine,
    environment: around.env,
    service: { url, ...(tokenFile !== null && { tokenFile }), ...(caFile !== null && { caFile }) },
    onSignal,
  };
}

/** Standard output belongs to the program. */
const logLine: Log = (level, message, fields) => {
  process.stderr.write(`keyturn: ${level}: ${message} ${JSON.stringify(fields)}\n`);
};

function onSignal(heard: (signal: NodeJS.Signals) => void): () => void {
  for (const signal of SIGNALS) process.on(signal, heard);
  return () => {
    for (const signal of SIGNALS) process.off(signal, heard);
  };
}

async function withRefusals(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const code = codeOf(error);
    if (error instanceof KeyturnError && code !== null) throw new Failure(EXIT_OF[code] ?? EXIT.unreachable, error.message, { code });
    if (error instanceof Error && 'syscall' in error && 'code' in error)
      throw new Failure(EXIT.usage, `A file of the keys cannot be written (${String(error.code)}): check its folder and its owner.`);
    throw error;
  }
}

/** Everything else is an outage. */
const EXIT_OF: Partial<Record<ErrorCode, ExitCode>> = {
  config: EXIT.usage,
  wrong_token: EXIT.unauthorised,
  forbidden: EXIT.unauthorised,
  keyring_gone: EXIT.refused,
  unavailable: EXIT.unavailable,
};
