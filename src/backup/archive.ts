import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import Type from 'typebox';
import { Check } from 'typebox/value';
import { KeyturnError } from '../core/errors.ts';

/** What a backup holds, before encryption: one line of JSON that lists the files, then their bytes, one after the other. */
const Manifest = Type.Object(
  {
    format: Type.Literal(1),
    madeAt: Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$' }),
    /** Of the master key that seals the material in it. */
    masterKeyId: Type.String({ pattern: '^[0-9a-f]{16}$' }),
    files: Type.Array(
      Type.Object({
        name: Type.String({ pattern: '^[a-z][a-z0-9.-]{0,40}$' }),
        size: Type.Integer({ minimum: 0 }),
        sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      }),
      { maxItems: 8 },
    ),
  },
  { additionalProperties: false },
);
export type Manifest = Type.Static<typeof Manifest>;

const MAX_MANIFEST = 16_384;
const NEWLINE = 0x0a;

export interface PackRequest {
  /** Files of this folder, by name. */
  readonly folder: string;
  readonly names: readonly string[];
  readonly madeAt: string;
  readonly masterKeyId: string;
}

export async function* pack({ folder, names, madeAt, masterKeyId }: PackRequest): AsyncGenerator<Buffer> {
  const files = await Promise.all(names.map((name) => described(folder, name)));
  yield Buffer.from(`${JSON.stringify({ format: 1, madeAt, masterKeyId, files })}\n`);
  for (const { name } of files) for await (const bytes of createReadStream(join(folder, name))) yield bytes;
}

/**
 * Writes the files of a backup (0600) into a folder that exists.
 * @throws KeyturnError `corrupt_backup` where it is not whole
 */
export async function unpack(plain: AsyncIterable<Buffer>, folder: string): Promise<Manifest> {
  const source = plain[Symbol.asyncIterator]();
  const { manifest, rest } = await readManifest(source);
  let held = rest;
  for (const { name, size, sha256 } of manifest.files) {
    await using file = await open(join(folder, name), 'wx', 0o600);
    const written = await copy(source, held, file, size);
    held = written.rest;
    if (written.digest !== sha256) throw corrupt(`the file ${name} in it is not whole`);
    await file.sync();
  }
  return manifest;
}

async function described(folder: string, name: string): Promise<Manifest['files'][number]> {
  const digest = createHash('sha256');
  for await (const bytes of createReadStream(join(folder, name))) digest.update(bytes);
  return { name, size: (await stat(join(folder, name))).size, sha256: digest.digest('hex') };
}

async function readManifest(source: AsyncIterator<Buffer>): Promise<{ manifest: Manifest; rest: Buffer }> {
  let held: Buffer = Buffer.alloc(0);
  while (!held.includes(NEWLINE)) {
    const { value, done } = await source.next();
    if (done === true || held.length > MAX_MANIFEST) throw corrupt('it lists no files');
    held = Buffer.concat([held, value]);
  }
  const end = held.indexOf(NEWLINE);
  const manifest = parse(held.toString('utf8', 0, end));
  if (!Check(Manifest, manifest)) throw corrupt('it was made by another version of Keyturn');
  return { manifest, rest: held.subarray(end + 1) };
}

async function copy(
  source: AsyncIterator<Buffer>,
  held: Buffer,
  file: FileHandle,
  size: number,
): Promise<{ rest: Buffer; digest: string }> {
  const digest = createHash('sha256');
  let rest = held;
  for (let left = size; left > 0; ) {
    if (rest.length === 0) {
      const { value, done } = await source.next();
      if (done === true) throw corrupt('it ends before its files do');
      rest = value;
    }
    const part = rest.subarray(0, left);
    await file.writeFile(part);
    digest.update(part);
    rest = rest.subarray(part.length);
    left -= part.length;
  }
  return { rest, digest: digest.digest('hex') };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function corrupt(why: string): KeyturnError {
  return new KeyturnError('corrupt_backup', `This backup cannot be read: ${why}. Take another copy.`);
}
