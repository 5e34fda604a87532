/** What a run of the simulator says: texts for people, or with `--json` lines for programs, which then have standard output for themselves. */
export class Report {
  readonly isJson: boolean;

  constructor(isJson: boolean) {
    this.isJson = isJson;
  }

  say(text: string): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
    (this.isJson ? process.stderr : process.stdout).write(`${text}\n`);
  }

  record(fields: object): void {
    if (this.isJson) process.stdout.write(`${JSON.stringify(fields)}\n`);
  }
}
