import { once } from 'node:events';
import { systemClock, systemTimers } from '../clock.ts';
import { loadConfig } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import { SECOND } from '../core/time.ts';
import { createLogger } from '../logger.ts';
import { systemRandom } from '../random.ts';
import { openService, type Service } from './service.ts';
import { welcome } from './welcome.ts';

/**
 * Runs the service until SIGINT or SIGTERM; then lets held requests go, finishes the others within the grace, and closes the store. A second
 * signal ends it at once.
 * @throws KeyturnError what keeps the service from starting
 */
export async function serve(): Promise<void> {
  const clock = systemClock;
  const settings = loadConfig(currentSurroundings(), clock.now());
  const logger = createLogger(settings.log.level);
  const service = await openService(settings, { clock, timers: systemTimers, random: systemRandom, logger });
  const stopped = untilSignal();
  try {
    await service.start();
    const url = await service.app.listen({ host: settings.host, port: settings.port });
    logger.info({ url, store: settings.store.kind, dataDir: settings.dataDir, runtime: process.version }, 'listening');
    process.stderr.write(welcome(url, service.firstToken));
    const signal = await stopped;
    logger.info({ signal }, 'stopping');
  } finally {
    await stopWithin(service, settings);
  }
  logger.info('stopped');
}

async function untilSignal(): Promise<string> {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  return Promise.race(signals.map((signal) => once(process, signal).then(() => signal)));
}

/** What has not ended by the end of the grace is given up: everything durable was committed before it was answered. */
async function stopWithin(service: Service, { shutdown }: Settings): Promise<void> {
  const cancel = systemTimers.after(shutdown.graceSeconds * SECOND, () => process.exit(1));
  await service.stop();
  cancel();
}
