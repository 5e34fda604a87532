import { LABEL } from '../../daemon/adapters/docker/names.ts';
import type { Lab, LabHost } from '../lab/types.ts';
import { waitFor } from '../support/wait.ts';

const NAME = 'bench';
export const BENCH_IMAGE = 'busybox:latest';
export const BENCH_COMMAND = ['sleep', '100000'];
const SETTLE_TIMEOUT_MS = 180_000;
const SWARM_SERVICE = 'com.docker.swarm.service.name';

/** What starts containers on the hosts of a lab and moves them when a host is lost. All are measured by asking the engines. */
export interface Contender {
  readonly name: 'kith' | 'swarm';
  /** On every host, ready for work. */
  begin(): Promise<void>;
  /** Orders so many replicas, at this host; does not wait for them. */
  deploy(replicas: number, at: LabHost): Promise<void>;
  /** Orders that nothing of it is to run any more. */
  remove(at: LabHost): Promise<void>;
  /** Until it holds every host for a live one again. */
  waitWhole(): Promise<void>;
  end(): Promise<void>;
  /** Label that its containers bear. */
  readonly label: string;
}

export class KithContender implements Contender {
  readonly name = 'kith';
  readonly label = LABEL.podUid;
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async begin(): Promise<void> {
    await this.#lab.startCluster();
  }

  async deploy(replicas: number, at: LabHost): Promise<void> {
    const labels = { app: NAME };
    const containers = [{ name: 'main', image: BENCH_IMAGE, command: BENCH_COMMAND, imagePullPolicy: 'IfNotPresent' }];
    const body = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: NAME },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers } },
      },
    };
    await at.client.call({ method: 'POST', path: '/apis/apps/v1/namespaces/default/replicasets', body });
  }

  async remove(at: LabHost): Promise<void> {
    const path = `/apis/apps/v1/namespaces/default/replicasets/${NAME}`;
    await at.client.call({ method: 'DELETE', path, body: { propagationPolicy: 'Background' } });
    await waitFor('its pods are gone', async () => (await podCount(at)) === 0, { timeoutMs: SETTLE_TIMEOUT_MS, everyMs: 100 });
  }

  async waitWhole(): Promise<void> {
    await this.#lab.waitAllAlive(undefined, { timeoutMs: SETTLE_TIMEOUT_MS });
  }

  async end(): Promise<void> {
    for (const host of this.#lab.hosts) await host.killDaemon('SIGTERM');
  }
}

async function podCount(host: LabHost): Promise<number> {
  return (await host.client.get<{ items: unknown[] }>('/api/v1/pods')).items.length;
}

/** Docker's own: every host is a manager, so that any of them may be lost. */
export class SwarmContender implements Contender {
  readonly name = 'swarm';
  readonly label = SWARM_SERVICE;
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  async begin(): Promise<void> {
    const [first, ...others] = this.#lab.hosts;
    if (first === undefined) return;
    await first.engine.docker('swarm', 'init', '--advertise-addr', first.address);
    const token = (await first.engine.docker('swarm', 'join-token', '-q', 'manager')).trim();
    for (const host of others)
      await host.engine.docker('swarm', 'join', '--advertise-addr', host.address, '--token', token, `${first.address}:2377`);
    await this.waitWhole();
  }

  async deploy(replicas: number, at: LabHost): Promise<void> {
    const words = ['--detach', '--no-resolve-image', '--name', NAME, '--replicas', String(replicas), '--stop-grace-period', '0s'];
    await at.engine.docker('service', 'create', ...words, BENCH_IMAGE, ...BENCH_COMMAND);
  }

  async remove(at: LabHost): Promise<void> {
    await at.engine.docker('service', 'rm', NAME);
  }

  async waitWhole(): Promise<void> {
    await waitFor(
      'every host is a ready manager',
      async () => {
        const nodes = await Promise.all(
          this.#lab.hosts.map(async (host) => host.engine.docker('node', 'ls', '--format', '{{.Status}} {{.ManagerStatus}}')),
        );
        return nodes.every((text) => {
          const lines = text.trim().split('\n');
          return lines.length === this.#lab.hosts.length && lines.every((line) => /^Ready (Leader|Reachable)$/.test(line.trim()));
        });
      },
      { timeoutMs: SETTLE_TIMEOUT_MS, everyMs: 500 },
    );
  }

  async end(): Promise<void> {
    for (const host of this.#lab.hosts) await host.engine.docker('swarm', 'leave', '--force');
  }
}
