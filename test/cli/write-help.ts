/** Writes the golden help texts anew: `npx node test/cli/write-help.ts`, then read the difference. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { GOLDEN, helpTexts } from './help-texts.ts';

await rm(GOLDEN, { recursive: true, force: true });
await mkdir(GOLDEN);
for (const [file, text] of await helpTexts()) await writeFile(new URL(file, GOLDEN), text);
