import { writeFileSync } from 'node:fs';
import { encodeKeyring } from '../../src/core/codec.ts';
import { GOLDEN_DOCUMENTS } from './golden-documents.ts';

// Writes golden/*.json anew, after a change of the document's shape that is meant: node test/core/write-golden.ts
for (const [shape, keyring] of Object.entries(GOLDEN_DOCUMENTS)) {
  writeFileSync(new URL(`golden/${shape}.json`, import.meta.url), `${JSON.stringify(JSON.parse(encodeKeyring(keyring)), null, 2)}\n`);
}
