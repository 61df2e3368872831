import Type from 'typebox';

/** Of the 50 tags that AWS takes one is ours. */
const MAX_TAGS = 49;
const TAG_KEY = '^(?!aws:)[A-Za-z0-9 _.:/=+@-]{1,128}$';

const text = (description: string, pattern: string) => Type.Optional(Type.String({ pattern, description }));

/** The fields of `store.aws`. Credentials are not among them: the SDK's default chain finds them. */
export const AwsFields = Type.Object(
  {
    region: text('a region such as eu-central-1', '^[a-z]{2,5}(-[a-z]{2,20}){1,3}-\\d{1,2}$'),
    endpoint: text(
      'an https address such as https://vpce-1.secretsmanager.eu-central-1.vpce.amazonaws.com',
      '^https?://[^\\s/?#@]{1,255}/?$',
    ),
    prefix: text(
      '1 to 128 of letters, digits and _+=.@-, in parts separated by slashes',
      '^(?=.{1,128}$)[A-Za-z0-9_+=.@-]+(/[A-Za-z0-9_+=.@-]+)*$',
    ),
    kmsKeyId: text('the id, the ARN or an alias of a KMS key', '^[A-Za-z0-9:/_-]{1,2048}$'),
    tags: Type.Optional(
      Type.Refine(
        Type.Record(Type.String({ pattern: TAG_KEY }), Type.String({ maxLength: 256 }), { description: `up to ${MAX_TAGS} tags` }),
        (tags) => Object.keys(tags).length <= MAX_TAGS && Object.keys(tags).every((key) => new RegExp(TAG_KEY).test(key)),
      ),
    ),
  },
  { additionalProperties: false },
);
export type AwsFields = Type.Static<typeof AwsFields>;

export interface AwsSettings {
  readonly kind: 'aws';
  /** Null = what the environment or the profile says. */
  readonly region: string | null;
  /** Null = that of AWS. */
  readonly endpoint: string | null;
  readonly prefix: string;
  /** Null = the account's `aws/secretsmanager`. */
  readonly kmsKeyId: string | null;
  readonly tags: Readonly<Record<string, string>>;
}

export function awsSettings({ region, endpoint, prefix, kmsKeyId, tags }: AwsFields = {}): AwsSettings {
  return {
    kind: 'aws',
    region: region ?? null,
    endpoint: endpoint ?? null,
    prefix: prefix ?? 'keyturn',
    kmsKeyId: kmsKeyId ?? null,
    tags: tags ?? {},
  };
}

/** `team=platform,stage=test` as the environment has tags. A text that is no such list stays one, for the schema to refuse. */
export function readTags(given: string): unknown {
  const pairs = given.split(',').map((pair) => /^([^=]+)=(.*)$/.exec(pair.trim()));
  if (pairs.some((pair) => pair === null)) return given;
  return Object.fromEntries(pairs.flatMap((pair) => (pair === null ? [] : [[pair[1], pair[2]]])));
}
