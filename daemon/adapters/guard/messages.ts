import type { GuardedPod, ProcessMarks } from '../../ports/guard.ts';

export interface MarkedPod extends GuardedPod {
  marks: readonly ProcessMarks[];
}

/** JSON, one message a line, over a unix socket that only the daemon's user reaches. Every request is answered under its number. */
export type GuardRequest = { id: number } & (
  | { do: 'list' }
  | { do: 'arm'; pod: Omit<GuardedPod, 'expired'> }
  | { do: 'mark'; uid: string; marks: ProcessMarks }
  | { do: 'look'; uid: string }
  | { do: 'clear'; uid: string }
  | { do: 'forget'; uid: string }
);

export type GuardAnswer =
  | { id: number; ok: true; pods?: readonly MarkedPod[]; seen?: number; killable?: number; pid?: number }
  | { id: number; ok: false; why: string }
  /** Nobody asked: the pod's time was over, and it is dead. */
  | { killed: string };

/** Cuts a stream of text into its lines. */
export function lineReader(onLine: (line: string) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    rest += chunk;
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') onLine(line);
  };
}
