import type { Logger } from 'pino';
import { ifStillAlive, systemClock, systemTimers } from '../clock.ts';
import { loadConfig } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import { codeOf } from '../core/errors.ts';
import { SECOND } from '../core/time.ts';
import { createLogger } from '../logger.ts';
import { systemRandom } from '../random.ts';
import { logLastWords } from './last-words.ts';
import { listen } from './listen.ts';
import { openService, type Service } from './service.ts';
import { untilSignal } from './signals.ts';
import { welcome } from './welcome.ts';

/**
 * Runs the service until SIGINT or SIGTERM; then lets held requests go, finishes the others within the grace, and closes the store. A second
 * signal ends it at once.
 * @throws KeyturnError what keeps the service from starting
 */
export async function serve(): Promise<void> {
  const surroundings = currentSurroundings();
  const settings = loadConfig(surroundings, systemClock.now());
  const logger = createLogger(settings.log.level);
  logLastWords(logger);
  try {
    await serveAs(settings, surroundings.cwd, logger);
  } catch (error) {
    // Ours explain themselves on stderr; of another one only the log may tell more.
    if (codeOf(error) === 'internal') logger.fatal({ err: error }, 'failed');
    throw error;
  } finally {
    // whatever still holds the process then, such as a connection to a database that is silent, has nothing left to do
    ifStillAlive(SECOND, () => process.exit());
  }
}

async function serveAs(settings: Settings, cwd: string, logger: Logger): Promise<void> {
  const service = await openService(settings, { clock: systemClock, timers: systemTimers, random: systemRandom, logger });
  const signalled = untilSignal(systemClock);
  try {
    // A signal that comes before the service listens stops it too; what becomes of the start is then of no interest.
    const signal = await Promise.race([signalled, begin(service, settings, cwd, logger).then(() => signalled)]);
    logger.info({ signal }, 'stopping');
  } finally {
    await stopWithin(service, settings, logger);
  }
  logger.info('stopped');
}

async function begin(service: Service, settings: Settings, cwd: string, logger: Logger): Promise<void> {
  await service.start();
  const url = await listen(service.app, settings).catch((error: unknown) => {
    // the next start is not the first one any more, and would not tell
    if (service.firstToken !== null)
      process.stderr.write(`keyturn: The first admin token was made all the same: it is in ${service.firstToken.path}.\n`);
    throw error;
  });
  logger.info({ url, store: settings.store.kind, dataDir: settings.dataDir, runtime: process.version }, 'listening');
  process.stderr.write(welcome(url, service.firstToken, cwd));
}

/** What has not ended by the end of the grace is given up: everything durable was committed before it was answered. */
async function stopWithin(service: Service, { shutdown }: Settings, logger: Logger): Promise<void> {
  const giveUp = (): never => {
    logger.error({ graceSeconds: shutdown.graceSeconds }, 'grace is over: what is still under way is given up');
    process.exit(1);
  };
  const cancel = systemTimers.after(shutdown.graceSeconds * SECOND, giveUp);
  await service.stop().finally(cancel);
}
