import t from 'tap';
import { load, refusal } from './fixture.ts';

const defaults = { kind: 'aws', region: null, endpoint: null, prefix: 'keyturn', kmsKeyId: null, tags: {} };

t.test('nothing but the kind is needed: AWS finds region and credentials', async (t) => {
  t.same(load('store: {kind: aws}').store, defaults);
  t.same(load('', { KEYTURN_STORE: 'aws' }).store, defaults);
});

t.test('everything can be set in the file and in the environment', async (t) => {
  const settings = { region: 'eu-central-1', endpoint: 'http://127.0.0.1:5000', prefix: 'team/keyturn', kmsKeyId: 'alias/keyturn' };
  const aws = { ...settings, tags: { team: 'platform', stage: 'a=b' } };
  t.same(load(`store: {kind: aws, aws: ${JSON.stringify(aws)}}`).store, { kind: 'aws', ...aws });
  const env = {
    KEYTURN_STORE: 'aws',
    KEYTURN_AWS_REGION: aws.region,
    KEYTURN_AWS_ENDPOINT: aws.endpoint,
    KEYTURN_AWS_PREFIX: aws.prefix,
    KEYTURN_AWS_KMS_KEY_ID: aws.kmsKeyId,
    KEYTURN_AWS_TAGS: 'team=platform, stage=a=b',
  };
  t.same(load('', env).store, { kind: 'aws', ...aws });
});

t.test('what AWS would refuse, and credentials in the address, are refused at the start', async (t) => {
  const wrong = [
    'region: Frankfurt',
    'endpoint: "ftp://aws"',
    'endpoint: "https://user:hunter2@aws"',
    'prefix: "/keyturn"',
    'prefix: "key turn"',
    'kmsKeyId: "a b"',
    'tags: {"aws:team": platform}',
    'tags: {team: 1}',
    'accessKeyId: AKIA',
  ];
  for (const setting of wrong) t.equal(refusal(`store: {kind: aws, aws: {${setting}}}`).faults.length, 1, setting);
  t.match(refusal('', { KEYTURN_AWS_TAGS: 'team' }).faults, [/^KEYTURN_AWS_TAGS /]);
});
