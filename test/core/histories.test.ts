import t from 'tap';
import { decodeKeyring, encodeKeyring } from '../../src/core/codec.ts';
import { decide, dueAt } from '../../src/core/decide.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import { nextChangeAt, roleAt, rolesAt } from '../../src/core/roles.ts';
import { DAY, type Instant } from '../../src/core/time.ts';
import { answersOf, refusal, signingsOf } from '../support/answers.ts';
import fc from '../support/fast-check.ts';
import { play, script, sweep, type Told } from '../support/histories.ts';
import { T0 } from '../support/keyrings.ts';

/** The same histories every time. A failure prints the seed and the path of the smallest history that still fails. */
const SEED = Number(process.env.KEYTURN_TEST_SEED ?? 20_260_115);
/** How many histories are played for each property: more on demand. */
const RUNS = Number(process.env.KEYTURN_TEST_RUNS ?? 150);

/** Fails with the first sentence that the property finds to say about a history. */
function holds(property: (told: readonly Told[]) => string | null, numRuns = RUNS): void {
  fc.assert(
    fc.property(script, (drawn) => {
      const broken = property(play(drawn));
      if (broken !== null) throw new Error(broken);
    }),
    { seed: SEED, numRuns },
  );
}

/** Every instant at which something could change by itself, and its neighbours. */
function instantsOf({ versions, changed }: Keyring): Instant[] {
  const edges = versions.flatMap(({ activatesAt, verifyUntil }) => [activatesAt, verifyUntil ?? activatesAt]);
  return [T0 - DAY, changed.at, ...edges].flatMap((at) => [at - 1, at, at + 1]);
}

function firstOf<Item>(items: Iterable<Item>, broken: (item: Item) => string | null): string | null {
  for (const item of items) {
    const found = broken(item);
    if (found !== null) return found;
  }
  return null;
}

t.test('exactly one version is current at every instant from creation to purge, and none afterwards', async () => {
  holds((told) =>
    firstOf(told, ({ keyring }) =>
      firstOf(instantsOf(keyring), (at) => {
        const current = keyring.versions.filter((version) => roleAt(keyring, version, at) === 'current').length;
        const expected = keyring.lifecycle.state === 'purged' ? 0 : 1;
        return current === expected ? null : `${current} current versions at ${at - T0}`;
      }),
    ),
  );
});

t.test('a version number never means two keys, not even over a purge', async () => {
  holds((told) => {
    const nonces = new Map<number, string>();
    return firstOf(
      told.flatMap(({ keyring }) => keyring.versions),
      ({ version, nonce }) => {
        const known = nonces.get(version) ?? nonce;
        nonces.set(version, known);
        return known === nonce ? null : `version ${version} has two keys`;
      },
    );
  });
});

t.test('what an instance signs within its lease verifies at every other one within its own, for the whole life of the token', async () => {
  holds((told) => {
    const answers = answersOf(told);
    return firstOf(signingsOf(answers), (signing) => firstOf(answers, (answer) => refusal(signing, answer)));
  }, 4 * RUNS);
});

t.test('the history never runs backwards, even when the clocks of its writers do', async () => {
  holds((told) => {
    let last = T0;
    return firstOf(told, ({ keyring }) => {
      const before = last;
      last = keyring.changed.at;
      return last < before ? 'a change before the one before it' : null;
    });
  }, 4 * RUNS);
});

t.test('a revoked or destroyed version never returns, not even on a clock that was set back', async () => {
  holds((told) => {
    const ended = new Set<number>();
    return firstOf(told, ({ keyring }) => {
      for (const { version, revoked, destroyedAt } of keyring.versions) if (revoked ?? destroyedAt) ended.add(version);
      return firstOf(instantsOf(keyring), (at) => {
        const roles = rolesAt(keyring, at);
        const served = roles === null ? [] : [roles.current, ...roles.previous, ...(roles.next === null ? [] : [roles.next])];
        const back = served.find(({ version }) => ended.has(version));
        return back === undefined ? null : `version ${back.version} is served again at ${at - T0}`;
      });
    });
  });
});

t.test('a clock that is behind the last change lets no replaced version sign again', async () => {
  holds((told) =>
    firstOf(told, ({ keyring }) => {
      const current = rolesAt(keyring, keyring.changed.at)?.current;
      return rolesAt(keyring, T0 - DAY)?.current === current ? null : `version ${current?.version} does not sign`;
    }),
  );
});

t.test('roles are constant up to the next change, and another at it', async () => {
  const text = (keyring: Keyring, at: Instant): string =>
    JSON.stringify(keyring.versions.map((version) => [version.version, roleAt(keyring, version, at)]));
  holds((told) =>
    firstOf(told, ({ keyring }) =>
      firstOf(instantsOf(keyring), (at) => {
        const change = nextChangeAt(keyring, at);
        const until = change ?? at + 1_000 * DAY;
        if (until <= at) return 'the next change is not after now';
        const within = [...instantsOf(keyring), until - 1].filter((instant) => instant > at && instant < until);
        if (within.some((instant) => text(keyring, instant) !== text(keyring, at))) return `roles change before ${until - T0}`;
        return change !== null && text(keyring, change) === text(keyring, at) ? `nothing changes at ${change - T0}` : null;
      }),
    ),
  );
});

t.test('decide gives the same answer twice, asks for at most a few things, and then waits for a later instant', async () => {
  holds((told) =>
    firstOf(told, ({ keyring, from }) => {
      const once = JSON.stringify(decide(keyring, from));
      if (once !== JSON.stringify(decide(keyring, from))) return 'two answers';
      const settled = sweep(keyring, from).at(-1) ?? keyring;
      const decision = decide(settled, from);
      if (decision.do === 'rotate') return null; // no room for another key yet
      if (decision.do !== 'wait') return `still ${decision.do}`;
      if (decision.until !== dueAt(settled)) return 'waits for another instant than the one that is due';
      return decision.until === null || decision.until > from ? null : 'waits for the past';
    }),
  );
});

t.test('every document that acts lead to is stored and read back as it is', async () => {
  holds((told) =>
    firstOf(told, ({ keyring }) => {
      const text = encodeKeyring(keyring);
      return encodeKeyring(decodeKeyring(text)) === text ? null : 'another document came back';
    }),
  );
});
