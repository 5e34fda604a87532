import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Pod } from '../../../protocol/types.ts';
import type { LabCluster } from '../../lab/cluster.ts';
import type { LabHost } from '../../lab/types.ts';

/** Programs of the bench that run on until they are ended. */
export class Children {
  readonly #all: ChildProcess[] = [];

  /** Calls back with each line that the program prints. Resolves once it has printed `ready`, if that is given. */
  async follow([file, ...words]: readonly string[], onLine: (line: string) => void, ready?: string): Promise<void> {
    const child = spawn(file ?? '', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.#all.push(child);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    child.once('error', reject);
    child.once('close', () => reject(new Error(`${words.at(-1)} ended`)));
    createInterface({ input: child.stdout }).on('line', (line) => (line === ready ? resolve() : onLine(line)));
    if (ready !== undefined) return promise;
    promise.catch(() => undefined);
  }

  end(): void {
    for (const child of this.#all) child.kill('SIGKILL');
  }
}

/** What to run on the machine to run this in the network of a container. */
export async function inContainer(host: LabHost, id: string, ...words: string[]): Promise<[string, ...string[]]> {
  const pid = (await host.engine.docker('inspect', '-f', '{{.State.Pid}}', id)).trim();
  return host.commandLine('nsenter', '-t', pid, '-n', ...words);
}

export async function containerOf(host: LabHost, pod: Pod): Promise<string> {
  return (await host.engine.docker('ps', '-q', '--filter', `label=kith.dev/pod-uid=${pod.metadata.uid}`)).trim();
}

export function sleepingPod(name: string, app: string, node: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app } },
    spec: {
      nodeName: node,
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'main', image: 'busybox', command: ['sleep', '100000'], imagePullPolicy: 'IfNotPresent' }],
    },
  };
}

export function serviceOf(app: string, ports: { port: number; targetPort?: number }[], clusterIP?: 'None'): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: app },
    spec: { selector: { app }, ports, ...(clusterIP === undefined ? {} : { clusterIP }) },
  };
}

export async function clusterIpOf(cluster: LabCluster, name: string): Promise<string> {
  return (await cluster.host(1).client.get<{ spec: { clusterIP: string } }>(`/api/v1/namespaces/default/services/${name}`)).spec.clusterIP;
}
