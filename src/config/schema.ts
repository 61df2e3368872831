import Type from 'typebox';
import { GLOB_PATTERN, MAX_GLOBS } from '../access/glob.ts';
import { TOKEN_ID_PATTERN } from '../access/token-format.ts';
import { nameFaults } from '../access/token-request.ts';
import { RECIPIENT_PATTERN } from '../backup/recovery-key.ts';
import { NAME_PATTERN } from '../core/name.ts';
import { ROLES } from '../ports/authenticator.ts';
import { isAddressRange } from './address.ts';
import { AwsFields } from './aws.ts';
import { toSeconds } from './duration.ts';
import { toInstant } from './instant.ts';
import { LOG_LEVELS } from './settings.ts';

/**
 * The shape of the config file, before defaults. Every leaf says in its `description` what it must be: the words of its fault.
 * Rules that need more than one field are in `rules.ts`.
 */
const closed = { additionalProperties: false };
const optional = Type.Optional;

const text = (description: string, options: Type.TStringOptions = {}) => Type.String({ minLength: 1, ...options, description });
const whole = (minimum: number, maximum: number) =>
  Type.Integer({ minimum, maximum, description: `a whole number from ${minimum} to ${maximum}` });
// Unsafe: the type of a union of mapped literals comes out as `never`, which every comparison satisfies.
const oneOf = <const Words extends readonly string[]>(words: Words) =>
  Type.Unsafe<Words[number]>({ type: 'string', enum: [...words], description: `one of ${words.join(', ')}` });

const duration = (min: number, max: number) =>
  Type.Refine(
    Type.Union([Type.Number(), Type.String()], {
      description: `a duration from ${min} to ${max} seconds: a whole number of seconds, or a text such as 90s, 15m, 24h, 31d`,
    }),
    (value) => inBounds(toSeconds(value), min, max),
  );

const Policy = Type.Object(
  {
    schedule: optional(
      Type.Union([
        Type.Null(),
        Type.Object(
          {
            cron: text('a cron expression in quotes, such as "0 3 1 * *"'),
            timeZone: optional(text('an IANA time zone such as Europe/Berlin')),
          },
          closed,
        ),
      ]),
    ),
    tokenLifetimeSeconds: optional(duration(1, 400 * 86_400)),
    leaseSeconds: optional(duration(2, 7 * 86_400)),
    refreshSeconds: optional(duration(1, 86_400)),
    skewSeconds: optional(duration(0, 600)),
    keyBytes: optional(whole(32, 64)),
    keyEncoding: optional(oneOf(['hex', 'base64url'])),
  },
  closed,
);

const Keyring = Type.Object(
  {
    name: text('a keyring name: 1 to 63 of a-z, 0-9, dot, underscore and hyphen, beginning with a letter or a digit', {
      pattern: NAME_PATTERN,
    }),
    policy: optional(Policy),
    importFromFile: optional(text('the path of a file that holds the key')),
    importFromEnv: optional(text('the name of an environment variable that holds the key', { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,127}$' })),
  },
  closed,
);

const Token = Type.Object(
  {
    id: text("the 12 characters between the first two underscores of the token's text", { pattern: TOKEN_ID_PATTERN }),
    name: Type.Refine(text('1 to 100 printable characters without blanks at its ends'), (name) => nameFaults(name).length === 0),
    hash: text('the SHA-256 of the whole token in 64 lower-case hex digits', { pattern: '^[0-9a-f]{64}$' }),
    roles: Type.Array(oneOf(ROLES), {
      minItems: 1,
      uniqueItems: true,
      description: `a list of at least one of ${ROLES.join(', ')}, each once`,
    }),
    keyrings: optional(
      Type.Array(
        text('a glob over keyring names: 1 to 64 characters of a name, * (any run) and ? (one character)', { pattern: GLOB_PATTERN }),
        {
          minItems: 1,
          maxItems: MAX_GLOBS,
          description: `a list of 1 to ${MAX_GLOBS} globs`,
        },
      ),
    ),
    expiresAt: optional(
      Type.Union([Type.Null(), Type.Refine(Type.String(), (value) => toInstant(value) !== null)], {
        description: 'an instant such as 2027-01-31T00:00:00Z, or null for a token that does not expire',
      }),
    ),
  },
  closed,
);

const Postgres = Type.Object(
  {
    urlFile: optional(text('the path of a file that holds the URL of the database')),
    schema: optional(text('a name: 1 to 63 of a-z, 0-9 and underscore, beginning with a letter', { pattern: '^[a-z][a-z0-9_]{0,62}$' })),
    poolSize: optional(whole(2, 100)),
    caFile: optional(text('the path of certificate authorities in PEM')),
  },
  closed,
);

const vaultPath = (description: string) =>
  text(`${description}: segments of letters, digits, dot, underscore and hyphen, with a slash between them`, {
    pattern: '^[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}){0,7}$',
  });

const Vault = Type.Object(
  {
    address: optional(
      text('the address of Vault, such as https://vault.example.org:8200', { pattern: '^https?://[A-Za-z0-9.:_\\[\\]-]{1,255}/?$' }),
    ),
    mount: optional(vaultPath('where the KV engine is mounted')),
    prefix: optional(vaultPath('a path below the mount')),
    namespace: optional(vaultPath('a namespace of Vault')),
    caFile: optional(text('the path of certificate authorities in PEM')),
    auth: optional(
      Type.Object(
        {
          method: optional(oneOf(['token', 'approle', 'kubernetes'])),
          mount: optional(vaultPath('where the auth method is mounted')),
          tokenFile: optional(text('the path of a file that holds a token')),
          roleIdFile: optional(text('the path of a file that holds the role id')),
          secretIdFile: optional(text('the path of a file that holds the secret id')),
          role: optional(vaultPath('the name of the role')),
          jwtFile: optional(text("the path of the service account's token")),
        },
        closed,
      ),
    ),
  },
  closed,
);

export const ConfigFile = Type.Object(
  {
    host: optional(text('an IP address or a host name to listen on', { pattern: '^[A-Za-z0-9.:_-]{1,255}$' })),
    port: optional(whole(0, 65_535)),
    dataDir: optional(text('the path of a folder')),
    store: optional(
      Type.Object(
        {
          kind: optional(oneOf(['sqlite', 'postgres', 'vault', 'aws'])),
          postgres: optional(Postgres),
          vault: optional(Vault),
          aws: optional(AwsFields),
        },
        closed,
      ),
    ),
    masterKey: optional(Type.Object({ file: text('the path of a file that holds the master key') }, closed)),
    tls: optional(
      Type.Object({ certFile: text('the path of a certificate chain in PEM'), keyFile: text('the path of a private key in PEM') }, closed),
    ),
    trustProxy: optional(
      Type.Union([Type.Boolean(), Type.Array(Type.Refine(Type.String(), isAddressRange), { minItems: 1 })], {
        description: 'false, true, or a list of addresses such as 10.0.0.1 and ranges such as 10.0.0.0/8',
      }),
    ),
    log: optional(Type.Object({ level: optional(oneOf(LOG_LEVELS)) }, closed)),
    limits: optional(
      Type.Object(
        {
          bodyBytes: optional(whole(1_024, 16 * 1_048_576)),
          failedAuthPerMinute: optional(whole(1, 1_000_000)),
          notFoundPerMinute: optional(whole(1, 1_000_000)),
          unknownNamesPerMinute: optional(whole(1, 1_000_000)),
          maxWaitSeconds: optional(duration(0, 300)),
          heldRequests: optional(whole(0, 1_000_000)),
          connections: optional(whole(10, 1_000_000)),
        },
        closed,
      ),
    ),
    metrics: optional(Type.Object({ access: optional(oneOf(['open', 'token'])) }, closed)),
    audit: optional(
      Type.Object({ onOutage: optional(oneOf(['refuse', 'serve-reads'])), spoolMegabytes: optional(whole(1, 1_048_576)) }, closed),
    ),
    docs: optional(Type.Object({ enabled: optional(Type.Boolean({ description: 'true or false' })) }, closed)),
    strength: optional(Type.Object({ wordlistFile: optional(text('the path of a list of known keys, one a line')) }, closed)),
    sweep: optional(Type.Object({ cron: optional(text('a cron expression in quotes, such as "* * * * * *"')) }, closed)),
    backup: optional(
      Type.Object({ recipient: optional(text('a recipient as printed by keyturn backup key', { pattern: RECIPIENT_PATTERN })) }, closed),
    ),
    shutdown: optional(Type.Object({ graceSeconds: optional(duration(0, 3_600)) }, closed)),
    defaults: optional(Policy),
    keyrings: optional(Type.Array(Keyring, { description: 'a list of keyrings' })),
    tokens: optional(Type.Array(Token, { description: 'a list of tokens' })),
  },
  closed,
);

export type ConfigFile = Type.Static<typeof ConfigFile>;
export type PolicyFields = Type.Static<typeof Policy>;
export type KeyringFields = Type.Static<typeof Keyring>;
export type TokenFields = Type.Static<typeof Token>;
export { Keyring as KeyringSchema, Policy as PolicySchema, Token as TokenSchema };

function inBounds(seconds: number | null, min: number, max: number): boolean {
  return seconds !== null && seconds >= min && seconds <= max;
}
