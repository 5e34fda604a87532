/** Datagrams may overtake each other by this many sequence numbers; one that is later still is dropped. */
const WINDOW = 64;

/** Takes each (incarnation, sequence) of a sender once, and none of an incarnation before the greatest. After RFC 4303, section 3.4.3. */
export class ReplayWindow {
  private incarnation = -1;
  private highest = -1;
  /** Bit n: `highest - n` was taken. */
  private taken = 0n;

  /** Whether it is new; then it is taken. */
  take(incarnation: number, sequence: number): boolean {
    if (incarnation < this.incarnation) return false;
    if (incarnation > this.incarnation) {
      this.incarnation = incarnation;
      this.highest = sequence;
      this.taken = 1n;
      return true;
    }
    const behind = this.highest - sequence;
    if (behind < 0) {
      this.taken = behind <= -WINDOW ? 1n : BigInt.asUintN(WINDOW, this.taken << BigInt(-behind)) | 1n;
      this.highest = sequence;
      return true;
    }
    if (behind >= WINDOW || (this.taken >> BigInt(behind)) & 1n) return false;
    this.taken |= 1n << BigInt(behind);
    return true;
  }
}
