import { AUDIT_RULES } from './audit-rules.ts';
import type { AuditFacts, Facts, KeyringFacts, MachineFacts } from './facts.ts';
import { type Finding, judged, type Report, SEVERITIES, type Severity } from './finding.ts';
import { FLEET_RULES, type WatchedKeyring } from './fleet-rules.ts';
import { KEYRING_RULES } from './keyring-rules.ts';
import { FAULT_RULES, FILE_RULES, FOLDER_RULES, SETTINGS_RULES } from './machine-rules.ts';
import { SERVICE_RULES, SILENCE_RULES } from './service-rules.ts';
import { TOKEN_RULES, TOKENS_RULES } from './token-rules.ts';
import { count } from './words.ts';

/** Looks at everything that is known. Each area that could be seen and has nothing to say says so. */
export function review(facts: Facts): Report {
  const findings = [
    ...serviceFindings(facts),
    ...(facts.keyrings === null ? [] : keyringFindings(facts.keyrings, facts)),
    ...(facts.tokens === null ? [] : tokenFindings(facts.tokens, facts)),
    ...(facts.machine === null ? [] : machineFindings(facts.machine, facts)),
    ...(facts.audit === null ? [] : auditFindings(facts.audit, facts)),
  ];
  return { at: facts.now, findings: worstFirst(findings), unseen: facts.unseen };
}

/** The worst of a report; `ok` for an empty one. */
export function worst({ findings }: Report): Severity {
  return findings[0]?.severity ?? 'ok';
}

/** Whether nobody has to do anything. */
export function isClean(report: Report): boolean {
  return rank(worst(report)) < rank('warning');
}

function serviceFindings(facts: Facts): Finding[] {
  const { service, url } = facts;
  const name = `service ${url}`;
  if ('silent' in service) return judged(SILENCE_RULES, service, name, facts);
  return area(name, 'it answers; its store, its scheduler and its clock are well', judged(SERVICE_RULES, service, name, facts));
}

function keyringFindings(keyrings: readonly KeyringFacts[], facts: Facts): Finding[] {
  const watched = keyrings.filter(isWatched);
  const single = keyrings.flatMap((keyring) => judged(KEYRING_RULES, keyring, `keyring ${keyring.name}`, facts));
  const fleet = watched.flatMap((keyring) => judged(FLEET_RULES, keyring, `keyring ${keyring.name}`, facts));
  return [
    ...area('keyrings', `${count(keyrings.length, 'keyring')} looked at`, single),
    ...(watched.length < keyrings.length ? fleet : area('instances', `those of ${count(watched.length, 'keyring')} looked at`, fleet)),
  ];
}

function isWatched(keyring: KeyringFacts): keyring is WatchedKeyring {
  return keyring.fleet !== null;
}

function tokenFindings(tokens: NonNullable<Facts['tokens']>, facts: Facts): Finding[] {
  const single = tokens.flatMap((token) => judged(TOKEN_RULES, token, `token ${token.name} (${token.id})`, facts));
  return area('tokens', `${count(tokens.length, 'token')} looked at`, [...single, ...judged(TOKENS_RULES, tokens, 'tokens', facts)]);
}

function machineFindings(machine: MachineFacts, facts: Facts): Finding[] {
  const { faults, settings, files, dataDir } = machine;
  const faulty = faults.flatMap((fault) => judged(FAULT_RULES, fault, fault.path, facts));
  const set = settings === null ? [] : judged(SETTINGS_RULES, settings, 'configuration', facts);
  const folder = judged(FOLDER_RULES, machine, `data folder ${dataDir}`, facts);
  const open = files.flatMap((file) => judged(FILE_RULES, file, file.path, facts));
  return [
    ...area('configuration', 'it has no faults', [...faulty, ...set]),
    ...area(`data folder ${dataDir}`, 'it is closed to others', [...folder, ...open]),
  ];
}

function auditFindings(audit: AuditFacts, facts: Facts): Finding[] {
  return area('audit log', audit.verdict, judged(AUDIT_RULES, audit, 'audit log', facts));
}

/** What an area has to say, or that it has nothing to say. */
function area(subject: string, well: string, findings: Finding[]): Finding[] {
  if (findings.length > 0) return findings;
  const [id = subject] = subject.split(' ');
  return [{ id: `${id}.ok`, severity: 'ok', subject, found: well, why: '', remedy: '' }];
}

function worstFirst(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((one, other) => rank(other.severity) - rank(one.severity));
}

function rank(severity: Severity): number {
  return SEVERITIES.indexOf(severity);
}
