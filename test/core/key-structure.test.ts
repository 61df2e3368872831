import t from 'tap';
import { charactersInRuns, placeholderFault, shortestPeriod, structureFaults } from '../../src/core/key-structure.ts';
import fc from '../support/fast-check.ts';

t.test('the shortest period is found, the last repetition cut short or not', async (t) => {
  const table: readonly (readonly [text: string, period: number])[] = [
    ['', 0],
    ['a', 1],
    ['aaaa', 1],
    ['abab', 2],
    ['ababa', 2],
    ['abcab', 3],
    ['abcd', 4],
    ['deadbeefdeadbeefdead', 8],
  ];
  for (const [text, period] of table) t.equal(shortestPeriod(text), period, text);
});

t.test('the shortest period of any text repeated divides into it', async (t) => {
  const texts = fc.tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.integer({ min: 2, max: 6 }));
  fc.assert(fc.property(texts, ([text, times]) => shortestPeriod(text.repeat(times)) <= text.length));
  t.pass();
});

t.test('runs are counted that go up, down, along a keyboard, or stand still', async (t) => {
  const table: readonly (readonly [text: string, covered: number])[] = [
    ['abc', 0],
    ['abcd', 4],
    ['DCBA', 4],
    ['7777', 4],
    ['xx1234yy', 4],
    ['qwertyuiop', 10],
    ['poiuy', 5],
    ['asdf-lkjh', 8],
    ['azertyuiop', 10],
  ];
  for (const [text, covered] of table) t.equal(charactersInRuns(text), covered, text);
});

t.test('each kind of structure is named, and nothing of the text is quoted', async (t) => {
  const table: readonly (readonly [text: string, fault: RegExp])[] = [
    ['a'.repeat(64), /fewer than 8 different characters/],
    ['deadbeef'.repeat(8), /fewer than 8/],
    ['0123456789abcdef'.repeat(4), /repeats itself/],
    ['k9Zq2LmX7vTn4RbW'.repeat(3), /repeats itself/],
    ['k9Zq2LmX7vTn4RbW'.repeat(3).slice(0, 41), /repeats itself/],
    ['abcdefghijklmnopqrstuvwxyz0123456789', /sequences/],
    ['1qaz2wsx-zyxwvutsrqponmlkjihgfedcba', /sequences/],
    ['my super secret key for flask app', /phrase/],
    ['You-will-never-guess-what-it-is', /phrase/],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaabcdefgh', /too alike/],
  ];
  for (const [text, fault] of table) {
    const faults = structureFaults(text).join('; ');
    t.match(faults, fault, text);
    t.notOk(faults.includes(text));
  }
});

t.test('what was only meant to be replaced is a placeholder', async (t) => {
  const placeholders = [
    [
      'changeme',
      'CHANGE_ME',
      'please-change-me-in-production',
      'your-256-bit-secret',
      'YOUR_SECRET_KEY_HERE',
      'keyboard cat',
      'not-so-secret',
    ],
    [`$\{SECRET_KEY}`, '$SECRET_KEY', '{{ secret_key }}', '<your key>', '%SECRET%', '$(cat /run/secret)', '__SECRET__'],
    ['None', 'null', 'undefined', 'TODO', 'xxxxxxxx', '********', '00000000'],
    [
      'django-insecure-8d!x2k#0v9m$4q7w_1z6b3n5c@r(h^j&y*u-e+t=l)p2s',
      'supersecretkey-that-is-32-chars!',
      'CHANGE_ME_TO_A_COMPLEX_RANDOM_SECRET',
    ],
  ].flat();
  for (const text of placeholders) t.type(placeholderFault(text), 'string', text);
  const keys = ['my-secret-key-192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf', 'k9Zq2LmX7vTn4RbW8sYc3HdJ6fGp1NaE', '<3'];
  for (const text of keys) t.equal(placeholderFault(text), null, text);
});
