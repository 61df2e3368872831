import type { Fault } from '../errors.ts';
import { DAY, type Millis, toIso } from '../time.ts';
import type { FileFacts, MachineFacts, SettingsFacts } from './facts.ts';
import type { Rule } from './finding.ts';
import { isLoopback, shellWord, span } from './words.ts';

const OTHERS = 0o077;
const CERTIFICATE_ENDS_SOON: Millis = 21 * DAY;
/** NIST SP 800-57 part 1, 5.3.6: a key that wraps other keys. */
const OLD_MASTER_KEY: Millis = 2 * 365 * DAY;

export const FAULT_RULES: readonly Rule<Fault>[] = [
  {
    id: 'config.fault',
    why: 'The service does not start with this configuration: it runs until somebody restarts it.',
    judge: ({ message }) => ({ severity: 'critical', found: message, remedy: 'correct it, then run keyturn doctor again' }),
  },
];

export const SETTINGS_RULES: readonly Rule<SettingsFacts>[] = [
  {
    id: 'config.plain-listener',
    why: 'Whoever sees the traffic reads tokens and keys.',
    judge({ host, hasTls, trustsProxies }) {
      if (hasTls || isLoopback(host) || trustsProxies === 'some') return null;
      const remedy =
        'set tls.certFile and tls.keyFile; or host: 127.0.0.1; or put a proxy that ends TLS in front, and its address into trustProxy';
      return { severity: 'warning', found: `it listens on ${host} without TLS`, remedy };
    },
  },
  {
    id: 'config.trusts-anybody',
    why: 'Whoever reaches the service can claim any address in logs and limits.',
    judge({ trustsProxies }) {
      if (trustsProxies !== 'all') return null;
      return { severity: 'warning', found: 'trustProxy is true: everybody is believed', remedy: 'trustProxy: ["<address of your proxy>"]' };
    },
  },
  {
    id: 'config.certificate-ends',
    why: 'Once it has ended no instance gets keys any more.',
    judge({ certificateUntil }, { now }) {
      if (certificateUntil === null || certificateUntil - now > CERTIFICATE_ENDS_SOON) return null;
      const over = certificateUntil <= now;
      const found = over ? `its certificate ended ${toIso(certificateUntil)}` : `its certificate ends in ${span(certificateUntil - now)}`;
      return {
        severity: over ? 'critical' : 'warning',
        found,
        remedy: 'put a new pair at tls.certFile and tls.keyFile; it is taken up within ten seconds',
      };
    },
  },
  {
    id: 'config.serves-unrecorded',
    why: 'Whoever fills the disk, or takes the database away, can read keys without leaving a record.',
    judge({ onAuditOutage }) {
      if (onAuditOutage !== 'serve-reads') return null;
      const found = 'keys are served while the audit log cannot be written';
      return { severity: 'advice', found, remedy: 'audit: { onOutage: refuse } in the configuration, unless you chose this' };
    },
  },
  {
    id: 'config.open-files',
    why: 'Each connection is an open file: before its own limit is reached the service cannot take more, nor open its files, and instances get no keys.',
    judge({ connections }, { service }) {
      if ('silent' in service || service.mostOpenFiles === null || service.mostOpenFiles > connections) return null;
      const found = `limits.connections is ${connections}, and its process may have ${service.mostOpenFiles} files open`;
      const remedy = 'let it open more (systemd: LimitNOFILE=, Docker: --ulimit nofile=), or lower limits.connections';
      return { severity: 'warning', found, remedy };
    },
  },
  {
    id: 'config.no-backup',
    why: 'When the disk is lost every key is, and everybody is logged out.',
    judge({ hasBackupRecipient }) {
      if (hasBackupRecipient) return null;
      const remedy =
        'keyturn backup key --out recovery.key, keep that file elsewhere, and put the recipient it prints into backup.recipient';
      return { severity: 'warning', found: 'no recipient of backups is configured', remedy };
    },
  },
];

/** The data folder as a whole. */
export const FOLDER_RULES: readonly Rule<MachineFacts>[] = [
  {
    id: 'files.damaged-spool',
    why: 'Somebody changed or removed records of an outage before they were in the audit log. The log names which.',
    judge({ damagedSpools }) {
      const [path] = damagedSpools;
      if (path === undefined) return null;
      const found = `${damagedSpools.length === 1 ? 'an audit spool was' : `${damagedSpools.length} audit spools were`} not what was written there`;
      const remedy = `keyturn audit list --action audit.spool; keep a copy of the folder for whoever looks into it, then rm -r ${shellWord(path)}`;
      return { severity: 'critical', found, remedy };
    },
  },
  {
    id: 'files.admin-token',
    why: 'It may do everything, and everybody who gets at the folder or at a copy of it has it.',
    judge({ adminTokenId, dataDir }, { tokens }) {
      if (adminTokenId === null) return null;
      const path = shellWord(`${dataDir}/admin.token`);
      const isGood = tokens === null || tokens.some(({ id }) => id === adminTokenId);
      if (!isGood) return { severity: 'advice', found: 'admin.token is still there; its token is no longer good', remedy: `rm ${path}` };
      const remedy = `replace the token (docs/operations.md, "Tokens"), then rm ${path}`;
      return { severity: 'warning', found: 'admin.token is still there, and its token may still be good', remedy };
    },
  },
  {
    id: 'files.master-key-beside-data',
    why: 'A copy of the folder (a disk, a snapshot, a careless backup) is a copy of every key.',
    judge({ masterKeyWrittenAt, settings }) {
      if (masterKeyWrittenAt === null || settings === null || settings.hasMasterKey) return null;
      const remedy = 'give the master key from elsewhere: KEYTURN_MASTER_KEY_FILE (docs/operations.md, "Change the master key")';
      return { severity: 'advice', found: 'the master key lies beside the data that it seals', remedy };
    },
  },
  {
    id: 'files.master-key-old',
    why: 'NIST SP 800-57 lets a key that seals others be used for two years.',
    judge({ masterKeyWrittenAt, settings }, { now }) {
      if (masterKeyWrittenAt === null || settings === null || settings.hasMasterKey || now - masterKeyWrittenAt <= OLD_MASTER_KEY)
        return null;
      return {
        severity: 'advice',
        found: `the master key is ${span(now - masterKeyWrittenAt)} old`,
        remedy: 'stop the service, keyturn rekey, start it again',
      };
    },
  },
];

export const FILE_RULES: readonly Rule<FileFacts>[] = [
  {
    id: 'files.open',
    why: 'Other users of the machine can get at keys or tokens.',
    judge({ path, mode, isFolder }) {
      if ((mode & OTHERS) === 0) return null;
      const found = `it is open to others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`;
      return { severity: isFolder ? 'warning' : 'critical', found, remedy: `chmod ${isFolder ? 700 : 600} ${shellWord(path)}` };
    },
  },
];
