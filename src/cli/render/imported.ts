import type { Instant } from '../../core/time.ts';
import type { Paint } from '../ui.ts';
import type { KeyringView } from '../wire.ts';
import { instantFrom } from './instants.ts';
import { plain } from './plain.ts';

/** What has become of an imported key, and what its owner does next. */
export function importedInWords(paint: Paint, view: KeyringView, now: Instant): string {
  const name = plain(view.name);
  const old = view.versions.find(({ role }) => role === 'previous');
  const steps = old === undefined ? afterSigning(name) : afterTakingOver(name, old.version);
  return [
    `\n${paint('green', `Keyring ${name} is made.`)} ${roleInWords(view, now)}\n\nNext:\n`,
    ...steps.map(([command, why], index) => `  ${index + 1}. ${why}:\n     ${paint('bold', command)}\n`),
  ].join('');
}

function roleInWords({ versions }: KeyringView, now: Instant): string {
  const old = versions.find(({ role }) => role === 'previous');
  const current = versions.find(({ role }) => role === 'current')?.version ?? 1;
  if (old === undefined) return `The key is its version ${current} and goes on signing.`;
  const until = old.verifyUntil === null ? '' : ` until ${instantFrom(old.verifyUntil, now)}`;
  return `The key is its version ${old.version} and verifies only${until}; the fresh version ${current} signs.`;
}

type NextStep = readonly [command: string, why: string];

function clientSteps(name: string): NextStep[] {
  return [
    [
      `npx keyturn token new "${name} servers" --role app --keyring ${name} --out ./${name}.token`,
      'Give the application a token of its own',
    ],
    [`Keyturn(app, keyring="${name}")   # from keyturn.flask import Keyturn`, 'Put this in the place of SECRET_KEY (Flask, one line)'],
  ];
}

function afterSigning(name: string): NextStep[] {
  return [
    ...clientSteps(name),
    [
      `npx keyturn rotate ${name} --reason "off the imported key"`,
      'Once every instance does, rotate: nobody can prove that the key was random',
    ],
  ];
}

function afterTakingOver(name: string, old: number): NextStep[] {
  return [
    ...clientSteps(name),
    [
      `npx keyturn revoke ${name} ${old} --reason "moved over"`,
      'Move all instances at once, as those on the old key reject what the fresh one signs. Whoever guesses the old key can forge: cut it early',
    ],
  ];
}
