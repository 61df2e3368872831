/** Writes the golden report of `doctor` anew: `npx node test/cli/write-doctor.ts`, then read the difference. */
import { writeFile } from 'node:fs/promises';
import { badReport, GOLDEN } from './doctor-fixtures.ts';

await writeFile(GOLDEN, (await badReport()).out);
