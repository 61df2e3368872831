import t from 'tap';
import { documented } from '../../support/documented.ts';
import { startTestService } from '../../support/service.ts';
import { runEverything } from '../everything.ts';

const recipient = 'keyturn-recipient-E75P6uryBMf9M1j8nAByGIHRdCeBKCJ-xnTzf3_pe20';
const service = await startTestService(t, { settings: { backup: { recipient } } });
const document = await documented(service);
const { answers, secrets } = await runEverything(service);

t.test('every answer of a run of everything is as the document says', async (t) => {
  for (const answer of answers) t.same(document.faults(answer), [], `${answer.method} ${answer.url} ${answer.called.status}`);
});

t.test('the run had every success that the document promises, and most refusals', async (t) => {
  for (const answer of answers) document.faults(answer);
  const successes = document.promised.filter((answer) => /[23]\d\d$/.test(answer));
  t.same(
    successes.filter((answer) => !document.seen.has(answer)),
    [],
  );
  t.ok(document.seen.size > 2 * successes.length, `${document.seen.size} different answers`);
});

t.test('the answers of refusals hold no key and no token', async (t) => {
  for (const { url, called } of answers.filter(({ called }) => called.status >= 400)) {
    for (const secret of secrets) t.notOk(called.text.includes(secret), url);
  }
});

t.test('the log of the run holds no key and no token', async (t) => {
  const log = service.log();
  t.ok(log.includes('request refused') && log.includes('request failed'), 'there is a log');
  t.ok(secrets.size > 8, `${secrets.size} secrets`);
  for (const secret of secrets) t.notOk(log.includes(secret));
  t.notMatch(log, /keyturn_[0-9A-Za-z]{12}_[0-9A-Za-z]/);
});
