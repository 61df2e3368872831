import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemTimers } from '../clock.ts';
import { readFromDisk } from '../config/files.ts';
import { loadConfig } from '../config/load.ts';
import { problemsPage } from '../http/openapi/problems-page.ts';
import { openapiYaml } from '../http/openapi/yaml.ts';
import { createLogger } from '../logger.ts';
import { systemRandom } from '../random.ts';
import { openService } from './service.ts';

/**
 * `npm run openapi`: writes what is made from the code, `openapi.yaml` and `docs/problems.md`, by way of a service on a folder that is gone
 * afterwards. Nothing listens.
 */
const dataDir = mkdtempSync(join(tmpdir(), 'keyturn-'));
try {
  const settings = loadConfig({ env: { KEYTURN_DATA_DIR: dataDir }, cwd: dataDir, read: readFromDisk }, systemClock.now());
  const surroundings = { clock: systemClock, timers: systemTimers, random: systemRandom, logger: createLogger('silent') };
  const service = await openService(settings, surroundings);
  await service.app.ready();
  writeFileSync('openapi.yaml', openapiYaml(service.app));
  writeFileSync('docs/problems.md', problemsPage());
  await service.stop();
} finally {
  rmSync(dataDir, { recursive: true, force: true });
}
