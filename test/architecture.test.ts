import t from 'tap';
import { codeOf, importsOf, readSource, sourceFiles } from './support/sources.ts';

/**
 * What a folder of `src` may import besides itself. One that is not named here is an adapter: core and the ports, nothing else of ours. The files
 * at the top of `src` count as folders of one file.
 */
const ADAPTER = ['core', 'ports'];
const EVERYTHING = ['*'];
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  ports: ['core'],
  app: ['core', 'ports'],
  http: [...ADAPTER, 'app', 'audit'],
  // its own of ours is the client for Node, as any application would use it
  agent: ADAPTER,
  cli: [...ADAPTER, 'access', 'backup', 'config'],
  config: [...ADAPTER, 'access', 'backup'],
  // what they count
  metrics: [...ADAPTER, 'app', 'audit'],
  // a verdict of a use case, by its type
  strength: [...ADAPTER, 'app'],
  // they keep the audit log
  stores: [...ADAPTER, 'audit'],
  compose: EVERYTHING,
  'main.ts': EVERYTHING,
};

/** Where a package may be imported: files, or folders with a slash at the end. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  typebox: ['src/'],
  croner: ['src/core/schedule.ts'],
  'node-cron': ['src/scheduler/scheduler.ts'],
  pino: ['src/logger.ts', 'src/compose/', 'src/http/'],
  'prom-client': ['src/metrics/'],
  yaml: ['src/config/yaml.ts', 'src/http/openapi/yaml.ts'],
  fastify: ['src/http/', 'src/compose/'],
  '@fastify/rate-limit': ['src/http/limits.ts'],
  '@fastify/swagger': ['src/http/openapi/plugin.ts'],
  '@fastify/swagger-ui': ['src/http/openapi/plugin.ts'],
  '@fastify/type-provider-typebox': ['src/http/'],
  'csv-stringify': ['src/http/history-csv.ts'],
  commander: ['src/cli/'],
  'cli-table3': ['src/cli/render/table.ts'],
  '@zxcvbn-ts/core': ['src/strength/'],
  '@zxcvbn-ts/language-common': ['src/strength/'],
  '@zxcvbn-ts/language-en': ['src/strength/'],
  'clients/node/src/index.ts': ['src/agent/', 'src/compose/sidecar.ts'],
  'node:sqlite': ['src/stores/sqlite/', 'src/compose/'],
  pg: ['src/stores/postgres/'],
  'node-vault': ['src/stores/vault/'],
  '@aws-sdk/client-secrets-manager': ['src/stores/aws/'],
};

/** Loaded when they are first needed, by `import()`: whoever does not use them does not wait for them. Their types may be imported anywhere above. */
const LAZY = [
  'pg',
  'node-vault',
  '@aws-sdk/client-secrets-manager',
  '@zxcvbn-ts/core',
  '@zxcvbn-ts/language-common',
  '@zxcvbn-ts/language-en',
];

/** The parts of Node that the inner folders use: nothing that reaches outside the process. */
const INNER_BUILTINS: Readonly<Record<string, string>> = { 'src/core/secret.ts': 'node:util', 'src/app/digest.ts': 'node:crypto' };

/** What the program takes from its surroundings, and the files that may. */
const CONFINED: readonly { readonly what: string; readonly form: RegExp; readonly files: readonly string[] }[] = [
  { what: 'the clock', form: /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bhrtime\b|\bprocess\.uptime\b/, files: ['src/clock.ts'] },
  { what: 'timers', form: /\bset(?:Timeout|Interval)\(/, files: ['src/clock.ts'] },
  {
    what: 'randomness',
    form: /\b(?:random(?:Bytes|UUID|Int|Fill|FillSync)|Math\.random|getRandomValues|generateKey(?:Pair)?Sync|generateKeyPair)\(/,
    // names of drafts, which are no secret; the pair that signs checkpoints of the audit log
    files: ['src/random.ts', 'src/access/admin-token-file.ts', 'src/audit/keys.ts', 'src/agent/atomic-file.ts'],
  },
  { what: 'the environment', form: /\bprocess\.env\b/, files: ['src/config/surroundings.ts'] },
  {
    what: 'leaving the process',
    form: /\bprocess\.(?:exit|kill|abort)\b/,
    // the agent kills what a program has left behind
    files: ['src/compose/last-words.ts', 'src/compose/serve.ts', 'src/compose/signals.ts', 'src/agent/child.ts'],
  },
  {
    what: 'the handing of keys to programs beside the service',
    form: /\bsigning(?:First|Last)\.map\(|\(\{ version, key\b/,
    files: ['src/agent/values.ts', 'src/agent/served-keys.ts'],
  },
  {
    what: 'the revealing of a secret',
    form: /\.reveal\(\)/,
    files: [
      // keys and master keys on their way in and out of a store
      'src/stores/sealing.ts',
      'src/stores/master-key.ts',
      'src/stores/aws/material.ts',
      // the password of a server, handed to its client
      'src/stores/postgres/address.ts',
      'src/stores/postgres/audit/thread.ts',
      'src/stores/vault/audit-keys.ts',
      'src/stores/vault/login.ts',
      'src/stores/vault/material.ts',
      'src/audit/keys.ts',
      'src/backup/recovery-key.ts',
      // judged before they are accepted
      'src/config/imports.ts',
      'src/strength/judge.ts',
      // to those who asked with the right to it
      'src/http/keys-answer.ts',
      'src/http/routes/tokens.ts',
      'src/http/app.ts',
      'src/http/tls.ts',
      'src/compose/welcome.ts',
      'src/access/admin-token-file.ts',
      // by the command line to the service
      'src/cli/client.ts',
      'src/cli/commands/create.ts',
      'src/cli/commands/import.ts',
      'src/cli/commands/strength.ts',
      'src/cli/commands/backup-key.ts',
      'src/cli/commands/token-hash.ts',
    ],
  },
];

const files = sourceFiles();
const edges = files.flatMap((file) => importsOf(file).map((edge) => ({ file, ...edge })));
const isOurs = (target: string) => target.startsWith('src/');
const isBuiltin = (target: string) => target.startsWith('node:') && !(target in PACKAGES);
const folderOf = (file: string) => file.split('/')[1] ?? file;
const show = ({ file, target }: { file: string; target: string }) => `${file} imports ${target}`;
const covers = (place: string, file: string) => (place.endsWith('/') ? file.startsWith(place) : file === place);

t.test('the imports of every file are seen', async (t) => {
  t.ok(files.length > 150);
  t.same(edges.filter(({ target }) => isOurs(target) && !files.includes(target)).map(show), [], 'every one of ours leads to a file');
  t.ok(
    edges.some(({ lazy }) => lazy),
    'lazy ones too',
  );
  const written = files.map((file) => codeOf(file).match(/^(?:import|export) .*\bfrom '|^} from '|^import '|\bimport\('/gm)?.length ?? 0);
  t.equal(
    edges.length,
    written.reduce((sum, count) => sum + count, 0),
  );
});

t.test('dependence goes one way: towards core', async (t) => {
  const wrong = edges.filter(({ file, target }) => {
    const [from, to] = [folderOf(file), folderOf(target)];
    const allowed = MAY_IMPORT[from] ?? ADAPTER;
    return isOurs(target) && from !== to && allowed !== EVERYTHING && !allowed.includes(to);
  });
  t.same(wrong.map(show), []);
});

t.test('only the composition root and main know a store', async (t) => {
  const wrong = edges.filter(
    ({ file, target }) => target.startsWith('src/stores/') && !/^src\/(?:stores|compose)\/|^src\/main\.ts$/.test(file),
  );
  t.same(wrong.map(show), []);
});

t.test('one store does not know another', async (t) => {
  const storeOf = (path: string) => /^src\/stores\/(\w+)\//.exec(path)?.[1];
  const wrong = edges.filter(({ file, target }) => storeOf(file) && storeOf(target) && storeOf(file) !== storeOf(target));
  t.same(wrong.map(show), []);
});

t.test('each package is imported only where it belongs', async (t) => {
  const outside = edges.filter(({ target }) => !isOurs(target) && !isBuiltin(target) && target !== 'package.json');
  const wrong = outside.filter(({ file, target }) => !(PACKAGES[target] ?? []).some((place) => covers(place, file)));
  t.same(wrong.map(show), [], 'a new package gets a row in PACKAGES');
});

t.test('core and the ports use no package but core its two, and no part of Node; the use cases neither', async (t) => {
  const inner = edges.filter(({ file, target }) => /^src\/(?:core|ports|app)\//.test(file) && !isOurs(target));
  const wrong = inner.filter(({ file, target }) => {
    const library = file.startsWith('src/core/') && (target === 'typebox' || target === 'croner');
    return !library && INNER_BUILTINS[file] !== target;
  });
  t.same(wrong.map(show), []);
});

t.test('heavy packages are loaded when they are first needed', async (t) => {
  const wrong = edges.filter(({ target, lazy, typeOnly }) => LAZY.includes(target) && !lazy && !typeOnly);
  t.same(wrong.map(show), []);
});

t.test('the service is loaded by `serve` alone: no other command waits for it', async (t) => {
  const reached = new Set<string>();
  const visit = (file: string): void => {
    if (reached.has(file)) return;
    reached.add(file);
    for (const edge of edges) if (edge.file === file && !edge.lazy && !edge.typeOnly && isOurs(edge.target)) visit(edge.target);
  };
  visit('src/main.ts');
  t.same(
    [...reached].filter((file) => /^src\/(?:compose|http|stores|scheduler|metrics|audit|agent)\//.test(file)),
    [],
  );
});

for (const { what, form, files: allowed } of CONFINED) {
  t.test(`${what} happens only in the files named for it`, async (t) => {
    const found = files.filter((file) => form.test(codeOf(file)));
    t.same(
      found.filter((file) => !allowed.includes(file)),
      [],
    );
    t.same(
      allowed.filter((file) => files.includes(file) && !found.includes(file)),
      [],
      'and no name on the list is out of date',
    );
  });
}

t.test('no file is longer than 300 lines', async (t) => {
  const long = files.map((file) => ({ file, lines: readSource(file).split('\n').length - 1 })).filter(({ lines }) => lines > 300);
  t.same(long, []);
});
