import t from 'tap';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { campaign, type Plan } from './campaign.ts';
import { expectations } from './expectations.ts';

/** Around each mark, which are what decides where a service may start, and in the middle of the copying. */
const FOLDERS: readonly Plan[] = [
  { operation: 'migrate', point: { step: 'mark leaving', nth: 1, when: 'before' } },
  { operation: 'migrate', point: { step: 'migrate progress', nth: 1, when: 'after' } },
  { operation: 'migrate', point: { step: 'mark moved', nth: 1, when: 'after' } },
  { operation: 'call off', point: { step: 'sql DELETE', nth: 1, when: 'after' } },
];
const SHARED: readonly Plan[] = [
  { operation: 'migrate to postgres', point: { step: 'mark arrived', nth: 1, when: 'before' } },
  { operation: 'migrate from postgres', point: { step: 'mark leaving', nth: 1, when: 'before' } },
  { operation: 'migrate from postgres', point: { step: 'migrate progress', nth: 1, when: 'after' } },
  { operation: 'migrate from postgres', point: { step: 'mark arrived', nth: 1, when: 'before' } },
];

t.test('a move that is killed leaves one place to serve from, and ends when it is run again', async (t) => {
  expectations(t, await campaign({ plans: FOLDERS, kills: FOLDERS.length }));
});

t.test('so does one to or from PostgreSQL, and readers of its replicas notice nothing', { skip: noPostgres }, async (t) => {
  const postgres = await startPostgres(t);
  expectations(t, await campaign({ plans: SHARED, kills: SHARED.length, postgres }));
});
