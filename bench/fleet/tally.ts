/** What became of the requests of one run. */
export class Tally {
  requests = 0;
  /** Sent again to another worker, because one was down. */
  unanswered = 0;
  /** Answers 503 by workers whose lease had ended, within the outage that is longer than a lease and at any other time. */
  leaseEndedInOutage = 0;
  leaseEndedElsewhere = 0;
  isOutage = false;
  /** Workers that had stopped using their keys when the outage was longer than their lease. */
  failedClosed = 0;
  /** Cookies and forms that were older than their lifetime when they arrived, because the machine was slow. Nothing follows from them. */
  tooOld = 0;

  readonly sessions = new Checked('session');
  readonly forms = new Checked('form');
  readonly logins = new Checked('login');
  /** Answers that no worker should ever give. */
  readonly faults = new Checked('answer');

  leaseEnded(): void {
    if (this.isOutage) this.leaseEndedInOutage++;
    else this.leaseEndedElsewhere++;
  }

  get rejections(): number {
    return this.sessions.rejected + this.forms.rejected + this.logins.rejected + this.faults.rejected;
  }

  explanations(): string[] {
    return [this.sessions, this.forms, this.logins, this.faults].flatMap(({ explained }) => explained);
  }
}

const EXPLAINED = 5;

/** By which version something was signed, and by which one its verifier signs. */
export interface Signed {
  readonly by: number | null;
  readonly verifierSigns: number | null;
}

/** One kind of proof that a browser shows. */
export class Checked {
  readonly what: string;
  readonly explained: string[] = [];
  accepted = 0;
  rejected = 0;
  /** Accepted although signed by an earlier version than the verifier signs with, or by a later one: by an instance that was ahead. */
  bySomeEarlier = 0;
  bySomeLater = 0;
  /** How many versions apart at most. */
  widest = 0;

  constructor(what: string) {
    this.what = what;
  }

  accept({ by, verifierSigns }: Signed): void {
    this.accepted++;
    if (by === null || verifierSigns === null) return;
    if (by < verifierSigns) this.bySomeEarlier++;
    if (by > verifierSigns) this.bySomeLater++;
    this.widest = Math.max(this.widest, verifierSigns - by);
  }

  reject(why: string): void {
    this.rejected++;
    if (this.explained.length < EXPLAINED) this.explained.push(`${this.what}: ${why}`);
  }
}
