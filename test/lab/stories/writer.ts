import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { uptime } from 'node:os';
import type { Lab } from '../types.ts';

/** A line every few milliseconds: the token from its environment and from its file, and the machine's uptime, which the kernel tells in steps of 10 ms. */
const WRITE =
  'while read -r up rest < /proc/uptime; do read -r token < /pod/token; echo "$FENCING_TOKEN $token $up"; usleep 4000; done >> /beats/lines';

/** All that copies with one token have written. */
export interface Written {
  token: number;
  /** Milliseconds of {@link uptimeMs}. */
  firstMs: number;
  lastMs: number;
}

/** The machine's, in milliseconds: it is that of all hosts of a lab. */
export function uptimeMs(): number {
  return Math.round(uptime() * 1_000);
}

/** Something that must never run twice and writes all the time into one file of the machine, wherever it runs: who wrote when is seen without asking an engine. */
export class Writer {
  readonly #folder: string;

  constructor(lab: Lab) {
    this.#folder = path.join(lab.folder, 'beats');
  }

  /** Its volume is a folder of the host: for namespaces that allow it. */
  get manifest(): unknown {
    const token = { fieldPath: "metadata.annotations['kith.dev/fencing-token']" };
    const labels = { app: 'single' };
    const volumes = [
      { name: 'beats', hostPath: { path: this.#folder, type: 'DirectoryOrCreate' } },
      { name: 'pod', downwardAPI: { items: [{ path: 'token', fieldRef: token }] } },
    ];
    const container = {
      name: 'main',
      image: 'busybox',
      command: ['/bin/sh', '-c', WRITE],
      env: [{ name: 'FENCING_TOKEN', valueFrom: { fieldRef: token } }],
      volumeMounts: [
        { name: 'beats', mountPath: '/beats' },
        { name: 'pod', mountPath: '/pod' },
      ],
      resources: { requests: { cpu: '10m', memory: '4Mi' } },
    };
    return {
      apiVersion: 'v1',
      kind: 'ReplicationController',
      metadata: { name: 'single', annotations: { 'kith.dev/partition': 'majority' } },
      spec: {
        replicas: 1,
        selector: labels,
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers: [container], volumes } },
      },
    };
  }

  /** In the order of their first lines. @throws where a token in a file is not the one of the environment */
  written(): Written[] {
    const file = path.join(this.#folder, 'lines');
    const found = new Map<string, Written>();
    for (const line of existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []) {
      const [token, inFile, up] = line.split(' ');
      if (token === undefined || up === undefined) continue;
      if (token !== inFile) throw new Error(`a copy with token ${token} has ${inFile} in its file`);
      const atMs = Math.round(Number(up) * 1_000);
      const run = found.get(token) ?? { token: Number(token), firstMs: atMs, lastMs: 0 };
      found.set(token, { ...run, lastMs: atMs });
    }
    return [...found.values()].sort((left, right) => left.firstMs - right.firstMs);
  }
}
