/** Copies of everything that a store keeps, made while it is in use. */
export interface Snapshots {
  /** Names the key that the material in the copies is sealed with. */
  readonly masterKeyId: string;
  /**
   * Writes a copy as of one moment into a folder that exists and is empty.
   * @returns the names of the files, of `[a-z][a-z0-9.-]*`
   * @throws KeyturnError `store_full`, `store_unavailable`
   */
  into(folder: string): Promise<string[]>;
}
