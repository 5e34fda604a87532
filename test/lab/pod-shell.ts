import { spawn, type ChildProcess } from 'node:child_process';
import type { Pod, Service } from '../../protocol/types.ts';
import { waitFor, PATIENCE_MS } from '../support/wait.ts';
import type { LabCluster } from './cluster.ts';
import type { LabHost } from './types.ts';

/** Runs a program and answers what it printed. */
export type Shell = (...words: string[]) => Promise<string>;

export function hostOf(cluster: LabCluster, pod: Pod): LabHost {
  return cluster.lab.hosts.find(({ node }) => node === pod.spec.nodeName)!;
}

/** The id of the container that has the pod's network. */
export async function containerOf(host: LabHost, pod: Pod): Promise<string> {
  return (await host.engine.docker('ps', '-q', '--filter', `label=kith.dev/pod-uid=${pod.metadata.uid}`)).trim();
}

async function processOf(host: LabHost, pod: Pod): Promise<string> {
  return (await host.engine.docker('inspect', '-f', '{{.State.Pid}}', await containerOf(host, pod))).trim();
}

/** Runs programs of this machine in the network of a pod. */
export async function inPod(cluster: LabCluster, pod: Pod): Promise<Shell> {
  const host = hostOf(cluster, pod);
  const pid = await processOf(host, pod);
  return (...words) => host.exec('nsenter', '-t', pid, '-n', ...words);
}

export const onHost =
  (host: LabHost): Shell =>
  (...words) =>
    host.exec(words[0]!, ...words.slice(1));

export async function podCommandLine(cluster: LabCluster, pod: Pod, ...words: string[]): Promise<[string, ...string[]]> {
  const host = hostOf(cluster, pod);
  return host.commandLine('nsenter', '-t', await processOf(host, pod), '-n', ...words);
}

export async function serviceAddress(cluster: LabCluster, name: string): Promise<string> {
  return (await cluster.host(1).client.get<Service>(`/api/v1/namespaces/default/services/${name}`)).spec?.clusterIP ?? '';
}

/** So many requests; one answer a line, or what went wrong. */
export const ask = (url: string, times: number): [string, string, string] => [
  'sh',
  '-c',
  `for i in $(seq ${times}); do curl -sS -m 3 ${url} 2>&1 || true; done`,
];

export const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

/** A program that goes on, and what it has printed so far. */
export class Talker {
  readonly child: ChildProcess;
  text = '';
  ended = false;

  constructor([file, ...words]: readonly [string, ...string[]]) {
    this.child = spawn(file, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdout?.on('data', (data: Buffer) => (this.text += data.toString()));
    this.child.stdin?.on('error', () => undefined);
    this.child.once('close', () => (this.ended = true));
  }

  say(text: string): void {
    this.child.stdin?.write(text);
  }

  async until(what: string, condition: (text: string) => boolean): Promise<void> {
    await waitFor(what, () => condition(this.text), { timeoutMs: PATIENCE_MS });
  }

  /** Closes its input and waits for its end. @returns all that it printed */
  async end(): Promise<string> {
    this.child.stdin?.end();
    await waitFor('a program ends when its input does', () => this.ended, { timeoutMs: PATIENCE_MS });
    return this.text;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}
